"""Rewrites Rust so that each mutant is a branch that an environment variable chooses.

An expression becomes `(if crate::mutant(7) { mutated } else { original })`. The original branch holds the switches of the
expressions within it; the mutated branch is plain text, since only one mutant is ever chosen.
"""

import re
from dataclasses import dataclass

import tree_sitter
import tree_sitter_rust

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))

# Text between these stands in the written file without them; where it stands is remembered.
OPEN, CLOSE, END = "\ue000", "\ue001", "\ue002"
MARK = re.compile(f"([{OPEN}{CLOSE}])([a-z]+[0-9]+){END}")

COMPARISONS = {
    "<": ["<=", ">="],
    "<=": ["<", ">"],
    ">": [">=", "<="],
    ">=": [">", "<"],
    "==": ["!="],
    "!=": ["=="],
}
SWAPS = {"&&": ["||"], "||": ["&&"], "+": ["-"], "-": ["+"], **COMPARISONS}
METHODS = {"min": "max", "max": "min", "is_some": "is_none", "is_none": "is_some"}

# Parts of a node that are no expressions that run.
NO_CODE_FIELDS = {"pattern", "type", "return_type", "parameters", "type_parameters", "type_arguments", "trait", "name", "length", "field"}
NO_CODE_NODES = {
    "attribute_item", "inner_attribute_item", "const_item", "static_item", "const_block", "macro_definition",
    "token_tree", "use_declaration", "enum_item", "struct_item", "type_item", "line_comment", "block_comment",
    "visibility_modifier", "where_clause", "string_literal", "raw_string_literal", "char_literal", "generic_type",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change of one place."""

    number: int
    path: str
    line: int
    function: str
    original: str
    mutated: str


@dataclass(frozen=True)
class Span:
    """Where a switch, one of its mutated branches or a function stands in a written file, in bytes."""

    kind: str
    number: int
    start: int
    end: int


def parse(text: bytes):
    return PARSER.parse(text).root_node


def fields(node):
    """The children of a node with the names of their fields."""
    return [(child, node.field_name_for_child(at)) for at, child in enumerate(node.children)]


def text_of(node) -> str:
    return node.text.decode()


def on_one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 110 else line[:107] + "..."


def is_const(function) -> bool:
    return any(child.type == "function_modifiers" and "const" in text_of(child).split() for child in function.children)


def holds_let(node) -> bool:
    """Whether a condition binds names, so that it can be no operand of anything but `&&`."""
    return node.type in ("let_condition", "let_chain") or (
        node.type == "binary_expression" and any(holds_let(child) for child in node.children)
    )


class File:
    """One file of the money path, its mutants, and its text with those that are switched on."""

    def __init__(self, path: str, source: bytes, first: int):
        self.path = path
        self.source = source
        self.next = first
        self.mutants: list[Mutant] = []
        self.dropped: set[int] = set()
        self.functions = ["the file"]
        self.const_names: set[str] = set()
        self.of_function: dict[int, list[int]] = {}
        self.write(set(), set())

    def write(self, dropped: set[int], const_names: set[str]) -> tuple[bytes, list[Span]]:
        """The text with every mutant that is not dropped, and where everything of it stands."""
        first = self.mutants[0].number if self.mutants else self.next
        self.next, self.mutants, self.dropped, self.const_names = first, [], dropped, const_names
        self.of_function, self.stack, self.count, self.frozen = {}, [], 0, 0
        marked = self.render(parse(self.source))
        text, spans, opened, at = [], [], {}, 0
        size = 0
        for mark in MARK.finditer(marked):
            piece = marked[at : mark.start()].encode()
            text.append(piece)
            size += len(piece)
            at = mark.end()
            if mark[1] == OPEN:
                opened[mark[2]] = size
            else:
                kind, number = re.fullmatch("([a-z]+)([0-9]+)", mark[2]).groups()
                spans.append(Span(kind, int(number), opened.pop(mark[2]), size))
        text.append(marked[at:].encode())
        return b"".join(text), spans

    def render(self, node) -> str:
        """The text of a node, with the switches of everything within it."""
        if node.type in NO_CODE_NODES:
            return text_of(node)
        inner = self.render_children(node)
        return self.switched(node, inner, self.mutations(node))

    def render_children(self, node) -> str:
        parts, at, hidden = [], node.start_byte, False
        for child, field in fields(node):
            parts.append(self.source[at : child.start_byte].decode())
            at = child.end_byte
            parts.append(text_of(child) if hidden or self.is_no_code(node, child, field) else self.child(node, child))
            if child.type in ("attribute_item", "line_comment", "block_comment"):
                hidden = hidden or re.search(r"cfg\(test\)|#\[test\]", text_of(child)) is not None
            elif child.is_named:
                hidden = False
        parts.append(self.source[at : node.end_byte].decode())
        return "".join(parts)

    def is_no_code(self, node, child, field) -> bool:
        if node.type == "match_pattern":
            return field != "condition"
        if child.type == "match_pattern":
            return False
        if node.type == "impl_item" and field == "body":
            of = node.child_by_field_name("trait")
            return of is not None and re.search(r"\b(Display|Debug)\b", text_of(of)) is not None
        return field in NO_CODE_FIELDS

    def child(self, node, child) -> str:
        if child.type == "function_item":
            return self.function(child)
        if node.type == "match_pattern":
            return self.guard(child)
        if child.type == "expression_statement":
            return self.statement(child)
        if node.type == "let_chain" and child.is_named and not holds_let(child):
            return self.switched(child, self.render(child), ["true"])
        return self.render(child)

    def number(self, node, mutated: str) -> int | None:
        """Counts one mutant, and gives its number unless it is dropped."""
        number = self.next
        self.next += 1
        name = self.stack[-1][1] if self.stack else "the file"
        original, line = on_one_line(text_of(node)), node.start_point[0] + 1
        self.mutants.append(Mutant(number, self.path, line, name, original, on_one_line(mutated)))
        if self.frozen:
            return None
        for function, _ in self.stack:
            self.of_function.setdefault(function, []).append(number)
        return None if number in self.dropped else number

    def switched(self, node, original: str, mutations: list[str]) -> str:
        branches = []
        for mutated in mutations:
            number = self.number(node, mutated)
            if number is not None:
                mark = f"m{number}{END}"
                branches.append(f"{OPEN}{mark}if crate::mutant({number}) {{ {mutated} }}{CLOSE}{mark} else ")
        if not branches:
            return original
        mark = f"s{self.next}{END}"
        return f"({OPEN}{mark}{''.join(branches)}{{ {original} }}{CLOSE}{mark})"

    def without(self, node, original: str, told: str) -> str:
        """A statement that a switch leaves out."""
        number = self.number(node, told)
        if number is None:
            return original
        mark = f"m{number}{END}"
        return f"{OPEN}{mark}if !crate::mutant({number}) {{ {original} }}{CLOSE}{mark}"

    def guard(self, condition) -> str:
        inner = self.render(condition)
        number = None if holds_let(condition) else self.number(condition, "true")
        if number is None:
            return inner
        mark = f"m{number}{END}"
        return f"{OPEN}{mark}crate::mutant({number}) || ({inner}){CLOSE}{mark}"

    def statement(self, statement) -> str:
        expression = statement.children[0]
        inner = self.render_children(statement)
        calls = ("call_expression", "try_expression", "await_expression")
        if expression.type in calls and text_of(statement).endswith(";"):
            return self.without(statement, inner, "(left out)")
        of = statement.parent.parent
        plain_if = of is not None and of.type == "if_expression" and of.child_by_field_name("alternative") is None
        if expression.type == "return_expression" and plain_if:
            return self.without(statement, inner, "(no return)")
        return inner

    def function(self, function) -> str:
        name = text_of(function.child_by_field_name("name"))
        stays_const = is_const(function) and name in self.const_names
        self.count += 1
        at = self.count
        self.stack.append((at, name))
        self.frozen += stays_const
        body = function.child_by_field_name("body")
        head = self.source[function.start_byte : body.start_byte].decode()
        if is_const(function) and not stays_const:
            head = re.sub(r"\bconst\s+((?:async\s+|unsafe\s+)*fn\b)", r"\1", head, count=1)
        returns = function.child_by_field_name("return_type")
        constants = constants_of(text_of(returns) if returns else "()") if body.named_children else []
        early = []
        for constant in constants:
            number = self.number(function.child_by_field_name("name"), f"the body is {constant or 'left out'}")
            if number is not None:
                mark = f"m{number}{END}"
                early.append(f" {OPEN}{mark}if crate::mutant({number}) {{ return {constant}; }}{CLOSE}{mark}")
        inner = self.render_children(body)
        self.frozen -= stays_const
        self.stack.pop()
        mark = f"f{at}{END}"
        return f"{OPEN}{mark}{head}{{{''.join(early)}{inner[1:]}{CLOSE}{mark}"

    def mutations(self, node) -> list[str]:
        """What may stand in the place of an expression."""
        kind, text = node.type, text_of(node)
        if kind == "binary_expression" and not holds_let(node):
            operator = node.child_by_field_name("operator")
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            swaps = SWAPS.get(text_of(operator), [])
            return [f"{text_of(left)} {swap} {text_of(right)}" for swap in swaps]
        if kind == "unary_expression" and text.startswith("!"):
            return [text_of(node.named_children[-1])]
        if kind in ("integer_literal", "float_literal"):
            found = re.fullmatch(r"([0-9][0-9_]*)(\.[0-9_]*)?(_?[iuf](?:8|16|32|64|128|size))?", text)
            return [f"{int(found[1].replace('_', '')) + 1}{found[2] or ''}{found[3] or ''}"] if found else []
        if kind == "boolean_literal":
            return ["false" if text == "true" else "true"]
        if kind == "macro_invocation" and text.startswith("matches!"):
            return [f"!{text}"]
        if kind == "assignment_expression":
            return [""]
        if kind == "compound_assignment_expr":
            operator = node.child_by_field_name("operator")
            other = {"+=": "-=", "-=": "+="}.get(text_of(operator))
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            return ["", *([f"{text_of(left)} {other} {text_of(right)}"] if other else [])]
        return self.call_mutations(node) if kind == "call_expression" else []

    def call_mutations(self, node) -> list[str]:
        function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if function.type == "identifier" and text_of(function) == "Some":
            return ["None"]
        if function.type == "field_expression":
            other = METHODS.get(text_of(function.child_by_field_name("field")))
            if other:
                return [f"{text_of(function.child_by_field_name('value'))}.{other}{text_of(arguments)}"]
        return []


def constants_of(returns: str) -> list[str]:
    """What a function of this type could return without doing anything."""
    if returns == "bool":
        return ["true", "false"]
    if returns.startswith("Option<"):
        return ["None"]
    if re.match(r"Result<\(\)[,>]", returns):
        return ["Ok(())"]
    return [""] if returns == "()" else []


def const_names(sources: list[bytes], money_path: list[bytes]) -> set[str]:
    """The names of constant functions that constants need, so that they stay constant and have no mutants."""
    used: set[str] = set()
    functions: list[tuple[str, set[str]]] = []

    def identifiers(node) -> set[str]:
        of_type = ("identifier", "field_identifier")
        own = {text_of(node)} if node.type in of_type else set()
        return own.union(*(identifiers(child) for child in node.children))

    def walk(node, ours: bool):
        if node.type in ("const_item", "static_item", "const_block"):
            used.update(identifiers(node))
        elif node.type == "function_item" and is_const(node):
            names = identifiers(node.child_by_field_name("body"))
            functions.append((text_of(node.child_by_field_name("name")), names))
            if not ours:
                used.update(names)
        for child in node.children:
            walk(child, ours)

    for source in sources:
        walk(parse(source), source in money_path)
    kept: set[str] = set()
    while True:
        more = {name for name, _ in functions if name in used} - kept
        if not more:
            return kept
        kept |= more
        used.update(*(names for name, names in functions if name in more))
