"""Errors and notices in another language than English, as gateways whose operator chose one send them.

That gateways localise texts is captured (10182 in Chinese); these words are our own. A code without words
of its own has none that could be matched.
"""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "de": {
        162: "Fehlermeldung des Dienstes für historische Marktdaten: Anfrage nicht ausgeführt",
        200: "Für die Anfrage wurde keine Wertpapierdefinition gefunden",
        201: "Order abgelehnt - Grund:",
        202: "Order storniert - Grund:",
        326: "Verbindung nicht möglich: die Client-ID wird bereits verwendet.",
        354: "Die angeforderten Marktdaten sind nicht abonniert.",
        1100: "Die Verbindung zwischen IBKR und Trader Workstation wurde unterbrochen.",
        1101: "Die Verbindung wurde wiederhergestellt - Daten verloren.",
        1102: "Die Verbindung wurde wiederhergestellt - Daten erhalten.",
    },
    "zh": {
        162: "历史市场数据服务错误信息：请求未执行",
        200: "没有找到该请求的证券定义",
        201: "订单被拒绝 - 原因：",
        202: "订单已取消 - 原因：",
        326: "无法连接：客户端编号已被使用。",
        354: "所请求的市场数据未订阅。",
        1100: "盈透证券与交易平台之间的连接已中断。",
        1101: "连接已恢复 - 数据丢失。",
        1102: "连接已恢复 - 数据保留。",
    },
}
OTHER: Final = {"de": "Meldung {}", "zh": "消息 {}"}
FARMS: Final = frozenset({2103, 2104, 2105, 2106, 2107, 2108, 2119, 2157, 2158})


def localised(code: int, text: str, language: str) -> str:
    """A farm's name stays at the end of its notice."""
    if language == "en":
        return text
    words = WORDS[language].get(code, OTHER[language].format(code))
    return f"{words}:{text.rpartition(':')[2]}" if code in FARMS else words
