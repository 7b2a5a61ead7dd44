"""Common Chinese words that say the same, so that a statement is found in other words; English has its embeddings.

Only words that everyday prose exchanges freely: no technical terms, no degrees, nothing that another word denies.
"""

from __future__ import annotations

import re

# A group a line: its first word stands for all of them.
_GROUPS = """
可以 能够
使用 采用 运用 利用 应用
必须 务必 须要
通常 一般 往往
如果 倘若 假如 要是 假使 若是
因为 由于
因此 所以 因而 于是
但是 不过 然而 可是
并且 而且
以及 还有
或者 抑或
例如 比如 譬如
显示 展示 呈现 展现
包含 含有 包括
指定 规定
设置 设定
创建 建立 新建
允许 准许 许可
返回 给出
选择 选取 挑选 选定
打开 开启
启动 开动
修改 更改 改动 变更
删除 移除 去除 删去
获取 取得 获得 得到
提供 给予
帮助 协助
根据 依据 依照 按照
目前 现在 当前 现有 如今
所有 全部 一切
用于 用来
为了 以便
方法 办法 方式
购买 购入
开始 起始
结束 终止
增加 增添
减少 降低
立即 马上 立刻
同时 此时
认为 觉得
说明 表明 显明
快速 迅速
非常 十分 极其
重要 要紧
困难 艰难
经常 常常 时常
已经 业已
位于 坐落于
成立 创立 创办
出生于 生于
去世 逝世
发布 公布
首都 首府
著名 知名 有名
超过 多于
大约 大概 约
仅仅 仅
询问 查询
联系 联络
保存 存储 储存
传送 传输
命令 指令
建议 推荐
检查 核对 核查 查验
添加 加入
支持 支援
部分 局部
完成 做完
输入 键入
相关 有关
其他 其它 别的
名称 名字
进行 施行
通过 经由 借助
自动 自行
问题 难题
希望 期望
单击 点按 点击
将会 会将 即将
您 你
寻找 查找 搜寻
观看 查看 察看
放置 摆放
制作 制造
拥有 具有 具备
产生 生成
解决 化解
避免 免于
功能 功用
作用 效用
优点 长处 优势
缺点 短处 缺陷
错误 差错
改进 改善 改良
扩大 扩展 扩充
缩小 收缩
替换 更换 替代
合并 归并
分割 拆分 切分
连接 联接 连结
关闭 关掉
继续 接着
恢复 复原 还原
调整 调节
控制 操控
管理 打理
监视 监控
测量 量度
计算 运算
比较 对比
区分 区别
发送 寄送
接受 接纳
收集 搜集 采集
编写 撰写
注意 留意
确保 保证
证明 证实
表示 代表
属于 归于
组成 构成
附加 额外
特殊 特别
普通 寻常
简单 简易
复杂 繁杂
完整 完备
准确 精确
足够 充足
唯一 仅有
主要 首要
相同 一致 同样 一样
类似 相似 近似
不同 相异
各种 各式 种种
许多 众多 很多
整个 整体
每个 各个
其中 当中
期间 其间
随后 接下来
以前 从前
通知 告知
请求 恳求
负责 主管
领导 带领
居住 居留
旅行 旅游
学习 研习
讨论 商讨
决定 决意
尝试 试图
尽管 虽然
地点 场所
大小 尺寸
种类 类别
数目 数量
速度 速率
"""
_STANDS_FOR: dict[str, str] = {
    word: line.split()[0] for line in reversed(_GROUPS.split("\n")) for word in line.split()[1:]
}
_WORDS = re.compile("|".join(sorted(map(re.escape, _STANDS_FOR), key=len, reverse=True)))


def one_wording(text: str) -> str:
    """A text with each word that stands for another exchanged for that."""
    return _WORDS.sub(lambda match: _STANDS_FOR[match.group()], text)
