"""The words by which a block shows what it is: function words of running text, and the words of page furniture.

Both serve as figures for a trained model, never as rules; languages beyond these are judged by the other figures.
"""

from __future__ import annotations

from stages.html_tags import table_of

STOP = 0
_STOP_WORDS = """
the of and to in a is that for it was on are as with his they be at this have from or had by but what some we can
out other were
all there when your how said an each she which do their if will way about many then them would so these her him has
more not
der die das und ist nicht ein eine einer eines einem einen zu den dem des mit von auf für sich auch es sie er wir
ihr ich im in
am als wie bei oder aber nach noch nur war werden wird wurde sind haben hat kann man aus so dass daß über vor zum
zur durch wenn
le la les des du un une et est que qui dans pour pas sur au aux avec ce cette il elle ne se plus par sont mais ou
son sa ses nous
el los las del y en es por con para una no se lo su al como más pero sus este esta fue ha si porque cuando muy sin
sobre también
il lo gli di che non per una con sono del della dei delle nel alla anche come più ma si da questo questa è
het een van en dat niet te zijn op voor met als aan er maar om ook door over bij uit naar dan nog wel
o os um uma não com do da dos das no na nos nas ao ou mas foi ser são seu sua mais pelo pela isso
w i na z nie że do się jest to od po jak za ale przez dla tak był co
и в не на что он как это по но из за то все она так его от для был
"""
_FURNITURE: tuple[tuple[str, str], ...] = (
    (
        "legal",
        "copyright rights reserved impressum datenschutz datenschutzerklärung privacy policy terms cookie "
        "cookies agb haftung nutzungsbedingungen rechte vorbehalten mentions légales cgu aviso legal "
        "disclaimer imprint gdpr dsgvo consent 版权 备案 声明 条款 隐私 许可",
    ),
    (
        "comment",
        "comment comments kommentar kommentare kommentieren reply replies antworten antwort respond leave "
        "hinterlasse schreibe commentaire commentaires comentarios comentario commenti discussion pingback "
        "trackback akismet permalink says sagt 评论 留言 回复 发表 楼主 网友",
    ),
    (
        "share",
        "share tweet facebook twitter teilen drucken print email e-mail mail whatsapp linkedin xing pinterest "
        "instagram youtube rss feed follow folgen partager compartir gefällt like likes telegram pocket 分享 收藏 "
        "微信 微博 关注 转发 打印 扫码",
    ),
    (
        "nav",
        "home menu menü startseite next previous weiter zurück back top skip search suche suchen sitemap more "
        "mehr read weiterlesen lesen continue overview übersicht navigation accueil inicio archive archiv "
        "page seite 首页 导航 返回 顶部 上一 下一 更多 目录 网站",
    ),
    (
        "form",
        "login log sign register anmelden registrieren passwort password username newsletter subscribe "
        "abonnieren abonnement account konto submit send senden abschicken required erforderlich name adresse "
        "cart warenkorb 登录 注册 用户 密码 订阅 提交 验证",
    ),
    (
        "meta",
        "posted published veröffentlicht author autor von by redaktion updated aktualisiert stand kategorie "
        "kategorien category categories tags tag tagged schlagwörter schlagworte stichwörter uhr foto photo "
        "image bild quelle source credit getty january february march april may june july august september "
        "october november december januar februar märz mai juni juli oktober dezember publié par comments "
        "views 来源 作者 编辑 责任 发布 时间 浏览 阅读 点击 标签 关键 记者 日期",
    ),
    (
        "related",
        "related similar ähnliche ähnlich auch also popular beliebt latest neueste aktuelle trending recent "
        "recommended empfehlungen themen thema artikel articles beiträge beitrag posts stories news "
        "meistgelesen interessieren 相关 推荐 热门 最新 文章 新闻 专题 排行",
    ),
    (
        "pointer",
        "lea lee vea mira leer ver también tambien read watch see also more lire aussi voir lesen lies siehe "
        "hier mehr czytaj zobacz leggi leia veja lees bekijk auch subscribe follow download click klicken haz "
        "here aquí ici 点击 查看 阅读 详情",
    ),
    (
        "advert",
        "anzeige werbung advertisement ad sponsored promotion advertise shop kaufen buy price preis angebot "
        "angebote deals sale order bestellen 广告 购买 优惠 下载 客服 电话 热线",
    ),
)
LEXICON_NAMES = ("stop", *(name for name, _ in _FURNITURE))
NUM_LEXICON = len(LEXICON_NAMES)


def _bits() -> dict[bytes, int]:
    bits: dict[bytes, int] = {}
    for number, words in enumerate([_STOP_WORDS, *(words for _, words in _FURNITURE)]):
        for word in words.split():
            bits[word.encode()] = bits.get(word.encode(), 0) | 1 << number
    return bits


WORD_KEYS, WORD_VALUES = table_of(_bits(), 2048)
# Characters that hold Chinese sentences together.
STOP_CHARACTERS = frozenset(map(ord, "的了是在和有不我他这为就也着而与之其以及于但被把对从到"))
