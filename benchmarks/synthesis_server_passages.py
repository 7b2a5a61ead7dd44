"""Generated documents of one passage each, half English and half Chinese, every sentence with its document's number."""

from __future__ import annotations

import json
import random
from pathlib import Path

_EN = {
    "opener": "As,On the first page,Much as the second table of,In words that only,Where the map of,Later on as",
    "who": "the harbour office,the weather station,the river survey,the city archive,the seed bank,the night train,"
    "the stone bridge,the old lighthouse,the water mill,the public library,the field hospital,the copper mine",
    "did": "recorded,measured,reported,counted,described,repaired,replaced,surveyed,inspected,compared,listed,opened",
    "what": "the depth of the northern channel,a change in the salt of the lower basin,the number of boats at the pier,"
    "the height of the spring flood,a crack in the second arch,the age of the oldest oak,the colour of the clay,"
    "the price of dry timber,a row of broken windows,the weight of the winter harvest,the speed of the current",
    "when": "in the early spring,before the long winter,after the heavy rain,during the summer fair,at the end of the "
    "year,while the road was closed,when the new pump arrived,since the old map was found",
}
_ZH = {
    "opener": "正如,第一页上就是,后来人们也看到,在表格旁边也有,地图上的说明就像,最后一段仍然是,当地的老人们还记得",
    "who": "港口管理处,气象观测站,河流勘测队,城市档案馆,种子保存库,夜间列车组,石桥管理员,旧灯塔看守人,水磨坊主人",
    "did": "记录了,测量了,报告了,统计了,描述了,修理了,更换了,检查了,比较了,列出了",
    "what": "北部航道的水深变化,下游盆地的盐分比例,码头停靠船只的数量,春季洪水的最高水位,第二个桥拱上的裂缝,"
    "最古老橡树的年龄,河岸粘土的颜色和硬度,冬季收成的总重量,水流在不同季节的速度",
    "when": "在早春的时候,在漫长的冬天之前,在大雨过后的几天里,在夏季集市期间,在年底结算的时候,在道路封闭的日子里",
}


def write(folder: Path, passages: int, files: int = 20) -> list[Path]:
    """``passages`` documents in JSON Lines files, English and Chinese in turns."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"part-{number:03d}.jsonl" for number in range(files)]
    for number, path in enumerate(paths):
        rows = [row(document) for document in range(number, passages, files)]
        path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows), encoding="utf-8")
    return paths


def row(document: int) -> dict[str, str | float]:
    """One document; the same number gives the same text."""
    draw = random.Random(f"passage {document}")
    # By pairs, so that every file holds both languages.
    chinese = document // 2 % 2 == 1
    text = _chinese(draw, document) if chinese else _english(draw, document)
    return {"content": text, "url": f"https://example.org/{document}", "score": round(draw.random(), 4)}


def _english(draw: random.Random, document: int) -> str:
    openers = draw.sample(_EN["opener"].split(","), 5)
    return " ".join(
        f"{opener} report {document:06d} tells, {_one(draw, _EN, 'who')} {_one(draw, _EN, 'did')} "
        f"{_one(draw, _EN, 'what')} {_one(draw, _EN, 'when')}."
        for opener in openers
    )


def _chinese(draw: random.Random, document: int) -> str:
    openers = draw.sample(_ZH["opener"].split(","), 6)
    return "".join(
        f"{opener}记录{document:06d}所说的，{_one(draw, _ZH, 'who')}{_one(draw, _ZH, 'when')}{_one(draw, _ZH, 'did')}"
        f"{_one(draw, _ZH, 'what')}。"
        for opener in openers
    )


def _one(draw: random.Random, words: dict[str, str], kind: str) -> str:
    return draw.choice(words[kind].split(","))
