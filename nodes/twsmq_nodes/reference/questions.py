"""The question that each op asks. Pure."""

from __future__ import annotations

from . import adviser_questions, calendar_questions, contract_questions, market_questions, news_questions

QUESTIONS = (
    contract_questions.QUESTIONS
    | market_questions.QUESTIONS
    | news_questions.QUESTIONS
    | calendar_questions.QUESTIONS
    | adviser_questions.QUESTIONS
)
"""By op."""
