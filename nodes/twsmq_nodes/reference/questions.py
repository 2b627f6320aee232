"""The question that each op asks. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import contract_questions, market_questions, news_questions
from .question import Question

QUESTIONS: dict[str, Callable[[Any], Question]] = {
    "contract_details": contract_questions.contract_details,
    "qualify": contract_questions.qualify,
    "option_chain": contract_questions.option_chain,
    "search": contract_questions.search,
    "trading_hours": contract_questions.trading_hours,
    "market_rule": contract_questions.market_rule,
    "news_providers": news_questions.news_providers,
    "news": news_questions.news,
    "article": news_questions.article,
    "scanner": market_questions.scanner,
    "scanner_parameters": market_questions.scanner_parameters,
    "implied_volatility": contract_questions.implied_volatility,
    "option_price": contract_questions.option_price,
    "market_depth_exchanges": market_questions.market_depth_exchanges,
    "smart_components": market_questions.smart_components,
    "user_info": market_questions.user_info,
}
"""By op."""
