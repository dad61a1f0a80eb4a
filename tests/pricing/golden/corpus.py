"""All recorded shapes."""

from tests.pricing.golden import anthropic, compatible, gemini, openai

SHAPES = [*openai.SHAPES, *compatible.SHAPES, *anthropic.SHAPES, *gemini.SHAPES]
