"""All recorded shapes."""

from tests.pricing.golden import anthropic, compatible, gemini, openai, responses, routers

MODULES = (openai, responses, compatible, routers, anthropic, gemini)
SHAPES = [shape for module in MODULES for shape in module.SHAPES]
