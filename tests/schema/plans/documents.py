"""Random valid documents: aliases, repeated fields, fragments, directives, variables, meta fields."""

from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLField, GraphQLNamedType, GraphQLObjectType, GraphQLSchema, get_named_type
from hypothesis import strategies as st

Draw = Any


@dataclass
class Drawn:
    """A document with its variables."""

    text: str
    variables: dict[str, Any]


@dataclass
class _Author:
    """Writes one document, remembering the fragments and variables that it needs."""

    draw: Draw
    schema: GraphQLSchema
    fragments: list[str] = field(default_factory=list)
    declared: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)

    def chance(self, one_in: int) -> bool:
        return bool(self.draw(st.integers(1, one_in)) == 1)

    def variable(self, kind: str, value: Any) -> str:
        name = f"v{len(self.declared)}"
        self.declared.append(f"${name}: {kind}")
        if value is not ...:
            self.variables[name] = value
        return f"${name}"

    def directive(self) -> str:
        if not self.chance(8):
            return ""
        name = self.draw(st.sampled_from(["include", "skip"]))
        truth = self.draw(st.booleans())
        condition = self.variable("Boolean!", truth) if self.chance(2) else str(truth).lower()
        return f" @{name}(if: {condition})"

    def selections(self, parent: GraphQLObjectType, depth: int) -> str:
        """A selection set that is never empty."""
        names = self.draw(st.lists(st.sampled_from(sorted(parent.fields)), min_size=1, max_size=4))
        parts = [self.selection(parent, name, depth) for name in names]
        if self.chance(4):
            parts.append(f"{'kind: ' if self.chance(2) else ''}__typename{self.directive()}")
        return f"{{ {' '.join(filter(None, parts)) or '__typename'} }}"

    def selection(self, parent: GraphQLObjectType, name: str, depth: int) -> str:
        written = self.field(parent, name, depth)
        if not written:
            return ""
        if self.chance(8):
            return f"... {f'on {parent.name} ' if self.chance(2) else ''}{self.directive()} {{ {written} }}"
        if self.chance(8):
            fragment = f"f{len(self.fragments)}"
            self.fragments.append(f"fragment {fragment} on {parent.name} {{ {written} }}")
            return f"...{fragment}{self.directive()}"
        return written

    def field(self, parent: GraphQLObjectType, name: str, depth: int) -> str:
        definition = parent.fields[name]
        below: GraphQLNamedType = get_named_type(definition.type)
        if isinstance(below, GraphQLObjectType) and depth == 0:
            return ""
        nested = f" {self.selections(below, depth - 1)}" if isinstance(below, GraphQLObjectType) else ""
        # An alias of its own for what takes arguments, or two of them could not stand together.
        arguments = self.arguments(definition)
        alias = f"a{self.draw(st.integers(0, 10**6))}: " if arguments or self.chance(4) else ""
        return f"{alias}{name}{arguments}{self.directive()}{nested}"

    def arguments(self, definition: GraphQLField) -> str:
        written = [f"{name}: {self.value(str(argument.type))}" for name, argument in definition.args.items()]
        return f"({', '.join(written)})" if written else ""

    def value(self, kind: str) -> str:
        literals = {"Int": ["0", "1", "3"], "String": ['"x"', '"名"'], "Boolean": ["true", "false"]}
        inputs: dict[str, list[Any]] = {
            # The last ones cannot be taken, or are missing.
            "Int": [0, 2, 3, "3", 1.5, None, ...],
            "String": ["y", "", 5, None, ...],
            "Boolean": [True, False, "true", None, ...],
        }
        named = kind.rstrip("!")
        if self.chance(2):
            return str(self.draw(st.sampled_from(literals[named])))
        return self.variable(f"{named}!", self.draw(st.sampled_from(inputs[named])))


@st.composite
def documents(draw: Draw, schema: GraphQLSchema) -> Drawn:
    """A document with one operation, mostly of one root field."""
    author = _Author(draw, schema)
    mutation = author.chance(5)
    root = schema.mutation_type if mutation else schema.query_type
    assert root is not None
    count = 1 if mutation or not author.chance(4) else 2
    names = draw(st.lists(st.sampled_from(sorted(root.fields)), min_size=count, max_size=count))
    fields = " ".join(author.selection(root, name, 3) for name in names)
    declared = f"({', '.join(author.declared)})" if author.declared else ""
    operation = f"{'mutation' if mutation else 'query'} q{declared} {{ {fields} }}"
    return Drawn("\n".join([operation, *author.fragments]), author.variables)
