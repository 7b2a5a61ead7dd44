"""What keeps a Chinese sentence from being read by itself: words that point out of it, a subject that stands in the
sentence before, and speech that holds no knowledge.

By rule and not by a parser, so each rule rather drops a sentence too many: pages have more sentences than are wanted.
"""

from __future__ import annotations

import re
from functools import cache

from stages.chinese import simplified_forms
from synth.rarity import weight

_POINTS = re.compile(
    r"上述|前述|如[上下]|这|(?<!应)(?<!不)该(?!有|用|当)|(?<![因彼由从就至自])此(?!外的)|由此|从此|(?<![版脚文样成日根副原基资剧课])本(?!地|身|机|质|来|能|体|科|土"
    r"|金|义|人|性|应|国|月|州|省|市|港|科)|那(?!么)|当时|届时|到时候?|随后|接下来|如此一来|如此|同理|照此|其[一二三]|后者|前者|两者|二者"
    r"|无论(?:哪|是哪|怎样|如何)|[两二三四几多]种(?:方式|情况|方法|选择|做法|可能)|第[一二三四五六]种|另一(?:种|个|方面)|除此|反之|相反|以上|以下|下面"
    r"|(?:大多数|多数|某些|一些|其他|有些|任何|特殊|一般|两种|任一)情况下?(?:，|它|也)|之[前后](?:，|的安装)|同样地?|类似的?(?!于)|诸如此类|等等。$|相同的|甚至|仍|依然|其自己"
    r"|也(?:应|被|会|要|需)|(?:目前|当前|现在)的|[把将]它|最新。$|^[^，。是]{0,15}[中里]的?其[他它]"
    r"|^[\u4e00-\u9fff]{2,8}[和与跟] ?[A-Za-z][\w -]* ?(?:很|相|类|一样|不同|兼容)"
    r"|所(?:假设|示|给)|有[些所]不同。|打算|力求|(?:实现|使用|删除|安装|完成|支持|打开|修改|覆盖|做|启用|禁用|查看|运行|控制)[它其](?:们)?[，。；]|案例|如[您你]"
    r"|[两三四]个[^，。]{1,4}[都均]|^(?:以使|以便|从而|以致)|更(?![新改换名])(?![^。]*[比于])"
)
# What is set against something before it: 管网则是另外一幅景象, but not 如果失败，则会.
_AGAINST = re.compile(r"(?<![，、；规法原准细守总否然再作学])则(?=[是为由被会要能可需]|规定|有|在)|另外一")
# A day that only who reads it on the day knows, or who knows the month.
_A_DAY = re.compile(
    r"昨[日天晚夜]|今[日天晚早年]|(?<![说证表发声注标])明[日天晚早年]|去年|(?<!年)前年(?![轻龄代])|(?<!战)后年(?![轻龄代])"
    r"|前天|后天(?!性|的)|[上下]个?(?:星期|周|礼拜|月)|(?<!日)本(?:星期|周|月|季度|年度)|日前[，。]|近日(?!点)|近期"
    r"|不久前|当[日天晚]|次[日晚](?![常志程报])|翌日|同[日晚](?![期本])"
    r"|(?<![月\d至到、—~和-])(?<![月\d] )\d{1,2} ?日(?![元内后前均本子常])"
)
_OPENS = re.compile(
    r"(?:(?:通常|一般)?其中|强烈|建议|推荐|重温|已知|回忆|回顾|在(?:列表|表|文件|目录|按钮|图|例)|报告的|新的|主要|也|还|又|再|则|就|才|都|便|却|即|并|而|且|或|于是|首先|其次"
    r"|最后|最终|再次|第[一二三四五]|其[他它余中]|另[外一]?|此|相[反同]|否则|因而|所以|故|总之|总的|简而"
    r"|简单|换[句言]|换言|当然|显然|事实上|实际上|不幸|幸运|幸好|可惜|遗憾|有趣|值得|需要注意|注意|应当?注意|记住|切记|小心|警告|提示|例|比如|譬如|例如|一旦|除非|除了|除此"
    r"|至于|关于|有关|对此|为此|为了?这|虽然|尽管|不过|但|可是|然而|只是|只有|只要|只能|仅|甚至|尤其|特别|同时|与此|接着|然后|之后|之前|后来|以后|目前|当前|现在|如今|今后"
    r"|更|最好|基本上|通常来说|一般来说|一般而言|理论上|原则上|结果|原因|问题|区别|缺点|优点|好处|坏处|答|问|译|注|作者|编者|图|表|附录|来源|摘要|关键词|版权|上一|下一|默认的?(?:是|值)"
    r"|一(?:本|份|种|款|套|些|项|般)[^，。是有会可能将]*[，。]|(?:绝?大?多数|大部分|少数|部分|许多|很多|一些)的?[\u4e00-\u9fff]{1,4}(?:在|会|可|都|是|应|不|需"
    r"|已)|每个?人|人们|有人|有时|有些|某些|许多人|很多人|大家|各位)"
)
# A verb where the subject should stand.
_NO_SUBJECT = re.compile(
    r"(?:以|用) ?[A-Za-z]|各[式种][^，。]*，许多|"
    r"(?:可以?|能够?|会|将|应该?当?|必须|需要?|要|不(?![同少仅良])|没有|有|是|被|把|由于?|使得?|让|令|给|用于|用来|用以|允许|表示|返回|指定|提供|包[括含]|支持|实现|导致"
    r"|(?:增加|添加|移除|删除|释放|调用|获取|分配|更新|初始化|注册|计算|检查|判断|处理"
    r"|读取|写入|发送|接收|修复|改进|引入|取消|改变|停止|启动)(?=[了一 A-Za-z_])"
    r"|意味|说明|显示|列出|定义|确定|决定|代表|属于|位于|来自|取决于|确保|保证|避免|防止|帮助|尝试|准备|开始|继续|完成|告诉|得到|获得|获取|产生|生成|采用|利用|借助|根据需要)"
    r"(?![用选理议户])"
)
_ORDER = (
    r"(?:按[下住]?|点击|单击|双击|选[择中取]|选定|输入|键入|运行|执行|打开|关闭|添加|加入|删除|移除|编辑|创建|新建|建立|修改|更改|设置|设定|插入|下载|访问|阅读|查看|看|参[考见看阅]"
    r"|使用|启用|禁用|安装|卸载|重启|重新启动|启动|检查|确认|记得|记住|牢记|务必|千万|不要|别|让|遵守|遵循|依照|尝试|试|先|复制|粘贴|拖动|保存|返回|回到|转到|进入|切换|联系|考虑|想象|复查"
    r"|解压|替换|拷贝|备份"
    r"|假[设如定])"
)
_INSTRUCTS = re.compile(
    rf"^{_ORDER}(?!程序|过程|系统|器|介质|手册|镜像|的|了|时|后|者|该|以后|之后|完成|方法|方式|文件|脚本|盘|包(?![含括])|和|与|或|一般|通常|将|会|可|是|在)"
    rf"|^(?:如果|若|当|要|想|为了|在|对于|用|通过|从|假如|倘若)[^。]*?，"
    rf"(?:您|你|则|就|那么|再|然后|只[需要]|仅需|直接|应|最好)*{_ORDER}(?!程序|过程|系统|器|的)"
    r"|[；：] ?(?:按下?|点击|选择|输入|运行|参见|阅读|使用|再|然后)|按下|点击|单击|双击"
    r"|屏幕|画面|菜单|对话框|工具栏|按钮|下一步|提示您|询问您|问您|[您你](?:将|会|就|便)(?:看|得"
    r"|被|进|见|收)"
    r"|(?:^|，)[您你](?!可以|能|可(?!能))|(?:^|，)[您你](?:可以|能够?)?(?:看到|发现|想|浏览|查看|选择)|^在[^，。]*[中里上]将|^(?:最|第一)"
    r"|可以?(?:尝试|考虑|试)|不妨|推荐(?:使用|安装|[您你])|建议|[您你](?:也许|或许|不|可能)|^[您你][^。]*(?:键入|输入)"
    r"|^[您你][^，。]*它"
    r"|[您你](?:或许|也许|可能)?(?:注意到|看到|发现|已经|现在|已)"
)
_REFERS = re.compile(
    r"参[见看阅考]|详[见情细]|[见看参在](?:第|附|下|上|后|前)|第 ?[\d一二三四五六七八九十.]+ ?[章节页部条]"
    r"|[图表] ?\d|附录|\[\d+\]|¶|§"
    r"|更多(?:信息|细节|内容|详情)"
    r"|以(?:了解|获取|获得)|看一下"
    r"|[本该此](?:文|章|节|书|页|手册)|一[章节](?!点)|小节|文档中|说明中|版权|©|转载|译者|如图|如表|注 ?[\d：]"
    r"|说过|提到|提及|描述[过的]?。|所述|介绍过|有(?:所)?(?:涉及"
    r"|说明|介绍|描述)。|讲过|讨论过"
)
_VAGUE = re.compile(
    "(?:许多|很多|一些|各种|多种|不同|特定|某些|其他)的?[\u4e00-\u9fff]{0,4}(?:功能|特性|方法|方式|工具|参数|选项|问题|情况|任务|操作|文件夹|技巧|目的|原因)(?:中|里|上)?。$"
    "|^[^，]{0,20}是[^，]{0,10}之一。$|(?:共?有|提供|分为|包[含括])[两二三四五六七八九几][个种类][^，：。]{0,12}。$"
)
_SPEAKS = re.compile(
    r"请(?!求)|谢谢|感谢|致谢|欢迎|敬请|抱歉|对不起|希望|祝|恭喜|我|咱|俺|笔者|本人|大家|朋友|亲爱|哈|呵|嘛|吧|呢|啊|哦|哎|唉|[！!？?]|当然|其实|说实话|坦白|幸运|不幸|遗憾|也许|或许"
    r"|最好的?[^。]{0,8}之一|据说|听说|恐怕|关注公众|点赞|收藏|订阅|扫码|微信|登录后|立即|马上(?:购|注|报)|免费(?:领|试)|有趣|担心"
)
_PRONOUN = re.compile(r"它们?|他们?(?!人)|她们?|(?<![极尤与])其(?![他它余中次实]|中)|自己")
_NAME = re.compile(r"[A-Za-z][\w./+-]+|《[^》]{2,20}》|「[^」]{3,20}」|“[^”]{4,20}”|[A-Z]")
_ANCHOR = re.compile(r"[A-Za-z]{2,}|[《“「]|一[个种些台款名位]|任何|每[个种一]|所有|各[种个类]|某[个种些]")
_SEVERAL = re.compile("[和与及、们]|[一这那有某]些|所有|[多各几两三四五每数]|许多|大量")
# What is meant by these is told by the page, where nothing before them in the clause says which it is.
_THING = (
    r"(?:安装程序|安装系统|安装过程|引导过程|启动过程|包管理系统|安装|程序|系统|软件包?|软件包名称|命令|选项|参数|变量|脚本|函数|方法|文件|配置文件|数据库|服务器|列表|界面|值|默认值|结果|输出"
    r"|工具|项目|设备驱动|驱动程序?|设备|分区"
    r"|补丁|代码|维护者|用户|档案库|密钥|页面|订阅者|管理员|开发者|计划|机器|计算机|内核|目录|模块|对象|类|字段|属性|接口|标志|调用者?|进程|线程|任务|消息|请求|数据|内存|缓存|节点|团队|公司"
    r"|问题|过程|规则"
    r"|规范|标准|功能|特性|版本|发布|镜像|磁盘|硬盘|错误|说明|名称|地址|密码|口令|作业|事件|信号|操作|流程|协议|仓库|政策|书|手册|文档|网站|站点|论坛|产品|服务|平台|客户端?|主机|图像|图片"
    r"|文本|字符|表|行|列|单元格)"
)
_UNNAMED = re.compile(
    rf"(?:^|^[^，A-Za-z“《]*，)(?:目前|现在|新的?|旧的?|整个|全部|默认|主要?|所有)?{_THING}(?:名称|本身|中|里|上|内|程序|也|都|还|只|就|便|才|正|仍|已经?|不"
    rf"|没有?|通常|一般|可能|默认|默认情况下|最终|首先|会|将|是|可|在|使|用|有|必|应|需|被|由|从|把|对|给|向|提|支|包|允|采|要|能|为|分|来|经|按|以|如|得|保|存|位)"
)
_OF_THE_PAGE = re.compile(
    r"(?<![A-Za-z的])(?<![A-Za-z的] )(?:安装程序|安装系统|安装过程|引导过程|启动过程)|^如果[^，A-Za-z]*，"
)
# What a subject ends with that means another thing on each page, however rare its characters.
_OF_NONE = re.compile(
    rf"(?:{_THING}|方[法式案面向]|情[况形节]|原因|时[候间代期]|地方|事[情件物]|东西|人[们士员物]?|记者|消息|专家|政府|影片|电影|导演|作者|故事|文章|活动|会议|比赛|网络|语法"
    r"|产[品物]|作品|患者|病人|医生|学生|老师|教师|孩子|男子|女子|男人|女人|部门?|网友|读者|会员|商品|店铺|球队|选手|赛季|球员|单位|企业|领导|组织|机构|因素|内容"
    r"|办法|措施|条件|环境|关系|作用|效果|现象|水平|程度|数量|价格|费用|成本|收入|机会|能力|经验|技术|设计|质量|感觉|心情|生活|工作|学习|世界|国家|城市|地区|朋友"
    r"|父母|母亲|父亲|丈夫|妻子|儿子|女儿|老板|客户|顾客|消费者|观众|演员|歌手|歌[曲词]|专辑|游戏|角色|剧情|小说|书籍|图书|研究|调查|报告|数据|结论|观点|意见|看法|目的|目标"
    r"|任务|阶段|部分|一[切次]|双方|对方|全[部体]|其余|本身|自己|年|月|日|天|点|次|种|类|个|些|后|前|时|中|上|下|里|外|内|间|等|都|很|就|也|不|才|却|还|又|再|正"
    r"|曾|已|并|最)$"
)
_SUBJECT = re.compile(
    "(?![不没所整默可能实各每走跳如按该您非有无连把被在难]|实际|[^，]*(?:突然|时))[\u4e00-\u9fff、（）]{2,10}"
)
# Rare or not, a place, a people, a living being or a disease by its last character.
_OF_A_KIND = re.compile(
    "[\u4e00-\u9fff]{1,5}(?:[江河湖山海洋岛省市县州洲国朝星病症菌素酸科族语教寺庙]|大学|战争|条约|帝国|王朝|半岛|山脉|平原|高原|盆地|运河|铁路|动物|植物|作用|定律|定理|革命|运动会|共和国)"
)
_DATE = re.compile(r"(?:公元前?)?\d{1,4}年[^，。]{0,8}，")
_RARE, _RATHER_RARE = 1.25, 1.0  # weights of a character of a term, alone and with another
# What follows a subject in a sentence that says what it is, where, when, of what, or what comes of it.
_TELLING = re.compile(
    "(?<![不也还都就总便却既若])是(?![否在不多]|很|有|非常|人人|唯一|必)|位于|属于|分布[在于]|包[括含]|由(?!于)|含有|具有|成立于|建于|建成于|创[建立]于|起源|源[于自]|诞生|生于|去世|逝世|毕业于"
    r"|建立于|出生[于在]|生[活长][于在]|转化[为成]|相当于|等于|在[^，。]{1,10}(?:成立|建成|诞生|召开|爆发|去世|出生)|又[称名叫]|俗称|简称|称为|指的是|意为|分为|(?:组|构)成|导致|引起|促进|抑制|发明|发现了|[于在][^，。]{1,12}[年月日][^，。]*[成建创出发举爆去逝]"
)
_MOST_CLAUSES = 3  # of a sentence that tells what a thing is; a tale has more
_INTRO = re.compile(
    r"(?:在|当|如果|若|对于|对|为了?|由于|因为|虽然|尽管|通过|除了?|根据|按照?|从|自|随着|默认情况下|默认|通常|一般|通常情况下|有时|此外|倘若|假如|假设|要|想|无论|不管|即使|每当|作为"
    r"|与|和|用|以)[^，。]*，"
)
_DANGLING = re.compile(
    r"(?:则|就|也|都|还|才|便|很可能|可能|需要|必须|应|要(?!求)|会|将|是|被|有(?!些|的)|没有|不会|不能|不是|仍|已|再|又|它|他|其|那么|并|而|能(?!够?用)|导致|使得|意味|说明"
    r"|表示|返回|显示)"
)
_NEAR = 12  # characters into a clause within which it names its subject
_QUOTES = re.compile("(“[^”]*”|「[^」]*」)")
_DEFINES = re.compile("(?:所谓)?[“「][^”」]{2,20}[”」](?:是|指|表示|意味|意思)")
_VERB_OF_MAIN = re.compile(
    r"(?<!还)是(?!否)|(?<![协机社教])会(?!议|员|话)|将(?!来)|可(?!选|移|读|用|执|靠|能的)|能(?!力|量|耗)|应(?!用|答|当)|必[须需]|需|有(?!效|关|限|名)|被|由于?"
    r"|使用?|(?<![使利采调应作公通专常费])用(?![户途法于])|为(?!了|止)|让|提供|包[含括]|支持|允许|属于|位于|来自|基于|表示|指(?!针|令|定|示|南)|负责|实现|取代|具有|拥有"
    r"|采用|运行|处理|依赖|分为|成为|称[为作]|叫做|含有|遵[循从]|记录|定义|控制|管理|返回|存储|保存|把|给|不|没有|首先|通过|联系|已经?|通常|总是|默认|就|也|都|只|更|很|较|最初"
)
_ANY_VERB = re.compile(
    rf"{_VERB_OF_MAIN.pattern}|取决|等于|得到|创建|创立|成立|表明|进行|执行|产生|影响|选|检|读|写|发|删|安装|要|希望|增|减|引入|启动|停|做|说|认为|位|开|加|变|造|带"
    rf"|达到|超过|占|高|低|同"
)
# Two cells of a table, two sentences, or one that began elsewhere.
_BROKEN = re.compile(
    r"\s{2}|[\u4e00-\u9fff]\. |[^。]$|^(?:中|里|上|下"
    r"|的|们|和|与|及|或|等|了)"
)
_BRACKETS = re.compile("[（(][^）)]*[）)]")
_NO_VERB = re.compile(
    r"在[^，]*的[^，。的]{1,8}[中里上内下]。$|[^，。是有为]*的一[句个种本部份][\u4e00-\u9fff]{1,6}。$"
)
_LABEL = re.compile(
    r"(?:[A-Za-z_\"“][A-Za-z0-9_ .\"“”()（）/-]*|[\u4e00-\u9fff]{2,6}) ?[:：]|[A-Za-z_][\w./(), *-]* [-–—]+ "
)


@cache
def _simplified() -> dict[int, str]:
    """So that one table of words serves both scripts."""
    return {ord(char): form for char, form in simplified_forms().items()}


def why_not_alone(text: str) -> str | None:
    """The first thing that keeps a Chinese sentence from being read by itself, None if no rule finds any."""
    text = text.translate(_simplified())
    if _BROKEN.search(text):
        return "no_sentence"
    if _REFERS.search(text):
        return "refers"
    if _SPEAKS.search(text):
        return "speaks"
    if (
        _OPENS.match(text)
        or _POINTS.search(text)
        or _A_DAY.search(text)
        or _AGAINST.search(text)
        or _before_naming(text, _PRONOUN)
        or _many_before_one(text)
    ):
        return "leans"
    if _VAGUE.search(text):
        return "vague"
    if _INSTRUCTS.search(text):
        return "instructs"
    if _LABEL.match(text) or _without_verb(text) or _NO_SUBJECT.match(text) or _dangles(text):
        return "fragment"
    return "unnamed" if _UNNAMED.match(text) or _OF_THE_PAGE.search(text) or not names_its_subject(text) else None


def _after_intro(text: str) -> int:
    """Where the main clause starts, as far as those that lead in end in a comma."""
    at = 0
    while (match := _INTRO.match(text, at)) is not None:
        at = match.end()
    return at


def names_its_subject(text: str) -> bool:
    """Whether a sentence has said what it is about, in words that mean the same elsewhere, when its verb comes."""
    at = _after_intro(text)
    if not at and speaks_of_a_term(text):
        return True
    bare = "".join("□" * len(part) if part[0] in "“「" else part for part in _QUOTES.split(text) if part)
    if _NAME.search(bare) is None and _DEFINES.match(text) is None:
        return False
    verb = _VERB_OF_MAIN.search(text, at + 1)
    if re.match("[您你]", text[at:]):
        return _NAME.search(text) is not None
    if at and re.match("如果|若|当|根据|为|由于|因为|通过|虽然|尽管|即使|假|想|要|除", text):
        return _NAME.search(bare, at, at + _NEAR) is not None
    named = bare if _DEFINES.match(text) is None else text
    return _NAME.search(named, 0, verb.start() if verb else len(text)) is not None


def speaks_of_a_term(text: str) -> bool:
    """Whether a sentence opens with a subject of rare characters and tells of it: "珊瑚礁是由", "长江位于"."""
    text = _DATE.sub("", text, count=1)
    verb = _TELLING.search(text, 2)
    subject = text[: verb.start()].strip("， ").removesuffix("将") if verb else ""
    if _OF_A_KIND.fullmatch(subject) and subject[0] not in "一两几多各每":
        return True
    if (
        _SUBJECT.fullmatch(subject) is None
        or text.count("，") >= _MOST_CLAUSES
        or _OF_NONE.search(subject)
        or re.match(r"[一二两三四五六七八九十几多数]", subject)
    ):
        return False
    weights = sorted(map(weight, re.findall("[\u4e00-\u9fff]", subject.rpartition("的")[2])), reverse=True)
    return len(weights) > 1 and (weights[0] >= _RARE or weights[1] >= _RATHER_RARE)


def _without_verb(text: str) -> bool:
    """Whether a text is no sentence but the name of a thing, what stands in brackets aside."""
    return _NO_VERB.match(text) is not None or _ANY_VERB.search(_BRACKETS.sub("", text)) is None


def _many_before_one(text: str) -> bool:
    """Whether a sentence says "they" before it has named several."""
    match = re.search("[它他她]们", text)
    return match is not None and _SEVERAL.search(text, 0, match.start()) is None


def _before_naming(text: str, pattern: re.Pattern[str]) -> bool:
    """Whether what stands for a thing comes before anything it could stand for."""
    match = pattern.search(text)
    return match is not None and _ANCHOR.search(text, 0, match.start()) is None


def _dangles(text: str) -> bool:
    """Whether the clause after those that lead in has no subject, nor they."""
    at = _after_intro(text)
    return at > 0 and _DANGLING.match(text, at) is not None
