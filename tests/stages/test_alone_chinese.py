"""A Chinese sentence is a statement only if it can be read by itself and holds knowledge; the word says why not."""

from __future__ import annotations

import pytest

from stages.alone_chinese import names_its_subject, why_not_alone
from stages.organize import OrganizeConfig, why_no_statement

GOOD = [
    "Debian 计划于 1993 年由 Ian Murdock 建立，最初受到自由软件基金会的 GNU 计划的赞助。",
    "Quilt 是一个补丁管理系统，而不是源代码管理系统。",
    "debuild 命令会执行 lintian 命令，以在 Debian 软件包构建结束之后进行静态检查。",
    "apt 是一个高级工具，它可以在适当的时候调用 dpkg。",
    "你可以使用 debdiff(1) 命令比较两个 Debian 源代码包的内容。",
    "默认情况下，debian-installer 会尽力自动配置您的计算机网络。",
    "“交换分区”是一个操作系统用的空白空间，允许系统使用磁盘来提供“虚拟内存”。",
    "在enclave中运行的应用程序需要和KVM的操作系统一起被打包到enclave镜像中。",
    "不同的 Linux 发行版使用不同的软件包格式以及不同的软件包管理系统。",
    "《约定无期限》的主要演员多为河北大学、保定学院等高校的大学生。",
]


@pytest.mark.parametrize("text", GOOD)
def test_what_says_of_a_named_thing_what_it_is_or_does_stands_alone(text: str) -> None:
    assert why_not_alone(text) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("这个 Debian 软件包提供了 apt 命令。", "leans"),
        ("该 API 允许驱动程序注册设备。", "leans"),
        ("无论哪种方式，你可能需要用 im-config 做一些额外的手工配置。", "leans"),
        ("CONFIG_CGROUP_SCHED 力求实现它。", "leans"),
        ("除此之外，-mm 还包含大量由Andrew直接选择的补丁。", "leans"),
        ("如果它找到 GRUB，您将得到提示。", "leans"),
        ("RAID1 和 RAID5 各有长处，后者更省空间。", "leans"),
        ("Debian GNU/Linux 中它分别被包含在 bootp 软件包，它们可以安装。", "leans"),
        ("昨日，SK-II 的广告违反了《反不正当竞争法》。", "leans"),
        ("据英国《卫报》4日报道，Debian 已有 1000 名开发者。", "leans"),
        ("Debian 的调停会议下星期在柏林召开。", "leans"),
        ("Filesystem Hierarchy Standard (FHS) 则是一种努力。", "leans"),
        ("当前 testing 被叫做 bookworm。", "leans"),
        ("在任何安装了 doc-debian 软件包的系统中。", "fragment"),
        ("选择包含 LibreOffice 地址的数据库文件。", "instructs"),
        ("aptitude 在第 8.1.3 节 “aptitude”中有描述。", "refers"),
        ("Linux 支持扩展属性 (参见 xattr(7))。", "refers"),
        ("GRUB 的启动过程见图 3。", "refers"),
        ("请执行 dpkg 命令来安装 Debian 软件包。", "speaks"),
        ("感谢 Eyrolles 的团队。", "speaks"),
        ("我认为 GRUB 很好用。", "speaks"),
        ("使用 Go Back 选项可以选择其他大洲的国家。", "instructs"),
        ("如果您需要使用最新的软件包进行工作，安装 unstable。", "instructs"),
        ("对于 Debian GNU/Linux，推荐使用 isc-dhcp-server 软件包。", "instructs"),
        ("可以通过 apt 安装 Debian 软件包。", "fragment"),
        ("释放dev_pm_opp_init_cpufreq_table分配的表。", "fragment"),
        ("PGMIGRATE_FAIL: 正常的页面迁移失败。", "fragment"),
        ("Stallman 所说的一句名言。", "fragment"),
        ("dpkg 支持很多选项。", "vague"),
        ("安装程序会在磁盘上创建 GRUB 的分区。", "unnamed"),
        ("命令行语法由 POSIX 规定。", "unnamed"),
        ("如果选择手动分区，安装程序会创建单独的 /boot 分区。", "unnamed"),
        ('"make config"      纯文本界面。', "no_sentence"),
        ("中的“reload”会给 sendmail 守护进程发送一个信号。", "no_sentence"),
    ],
)
def test_what_points_out_of_itself_or_holds_no_knowledge_says_why(text: str, reason: str) -> None:
    assert why_not_alone(text) == reason


@pytest.mark.parametrize(
    "text",
    [
        "DebConf 于 2004 年 5 月 26 日至 6 月 2 日在巴西召开。",
        "PostgreSQL 的根据地在 1996 年 1 月 1 日前是伯克利。",
        "Linux 遵循的原则是开放源代码，Debian 亦然。",
        "SLIM 是日本月球探测器，由 JAXA 研制。",
        "HIV 是后天性免疫缺陷综合症的病毒。",
        "NEC2 程序的输出说明天线的方向性。",
        "systemd 把每一次日志写入二进制文件。",
    ],
)
def test_a_whole_date_and_a_rule_point_at_nothing(text: str) -> None:
    assert why_not_alone(text) is None


@pytest.mark.parametrize(
    ("simplified", "traditional"),
    [
        ("这个 Debian 软件包提供了 apt 命令。", "這個 Debian 軟件包提供了 apt 命令。"),
        ("请执行 dpkg 命令来安装 Debian 软件包。", "請執行 dpkg 命令來安裝 Debian 軟件包。"),
        ("Quilt 是一个补丁管理系统。", "Quilt 是一個補丁管理系統。"),
    ],
)
def test_both_scripts_are_judged_alike(simplified: str, traditional: str) -> None:
    assert why_not_alone(simplified) == why_not_alone(traditional)


def test_words_in_quotes_are_no_name_unless_they_are_explained() -> None:
    assert names_its_subject("“守护进程”是一种在后台运行的程序。")
    assert not names_its_subject("文件可以从“恢复日志”中恢复。")


@pytest.mark.parametrize(
    "text",
    [
        "长江是中国最长的河流，全长约6300公里。",
        "珊瑚礁是由珊瑚虫的骨骼堆积而成的。",
        "李白是唐代著名的浪漫主义诗人。",
        "1949年10月1日，中华人民共和国在北京成立。",
        "北京市位于华北平原的北部。",
        "维生素缺乏会导致坏血病。",
        "長江是中國最長的河流，全長約6300公里。",
    ],
)
def test_what_general_knowledge_tells_of_a_term_needs_no_latin_name(text: str) -> None:
    assert why_no_statement(text, "zh", OrganizeConfig()) is None


@pytest.mark.parametrize(
    "text",
    [
        "整部影片是由一个简单的故事组成的。",
        "消费者是整个过程中的重要部分。",
        "聊天时突然灯光大暗，由侍者推出生日蛋糕，同唱生日快乐歌。",
        "安装程序由多个部分组成，会在启动时运行。",
    ],
)
def test_things_of_which_each_page_has_its_own_are_no_terms(text: str) -> None:
    assert why_no_statement(text, "zh", OrganizeConfig()) is not None
