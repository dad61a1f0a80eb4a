"""Values: classes whose instances are compared by what they hold and never change. Knows no money.

That nobody assigns to a field is held by the type checker, in every module and test.
A frozen dataclass checks it at run time as well, once for each field it is made of,
and is made four times slower; a paid call makes about a hundred values.
"""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(of: type[T]) -> type[T]:
    """Make a dataclass with slots, equality and a hash of its fields; to assign to one is a type error."""
    return dataclass(slots=True, unsafe_hash=True)(of)
