"""Objects, checked against the types of Stripe's own Python package.

usage: stripe_types.py FILE

FILE is a JSON list of objects. Each must have every field that the package's type of its `object` does not call
optional, no field that the type does not have, and each value of its field's type, all the way down. Prints, as JSON,
what is wrong.
"""

import decimal
import json
import sys
import typing

import stripe

TYPES = {
    "balance_transaction": stripe.BalanceTransaction,
    "charge": stripe.Charge,
    "checkout.session": stripe.checkout.Session,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "item": stripe.LineItem,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "price": stripe.Price,
    "refund": stripe.Refund,
}


def fields(kind):
    """The fields of a type, its forward references resolved where that is possible."""
    found = {}
    for base in reversed(kind.__mro__):
        if base is not stripe.StripeObject and issubclass(base, stripe.StripeObject):
            found.update(base.__dict__.get("__annotations__", {}))
    return {name: kind for name, kind in found.items() if typing.get_origin(kind) is not typing.ClassVar and not name.startswith("_")}


def resolved(kind):
    if isinstance(kind, (str, typing.ForwardRef)):
        name = kind if isinstance(kind, str) else kind.__forward_arg__
        return getattr(stripe, name, None)
    return kind


def is_optional(kind):
    return typing.get_origin(kind) is typing.Union and type(None) in typing.get_args(kind)


def check(value, kind, where):
    """What is wrong with a value; an empty list when it is of the type."""
    kind = resolved(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Union:
        tried = [check(value, alternative, where) for alternative in arguments]
        return [] if [] in tried else max(tried, key=lambda wrong: (bool(wrong and wrong[0].startswith(f"{where}.")), -len(wrong)))
    if origin is typing.Literal:
        return [] if value in arguments else [f"{where}: {value!r} is none of {arguments}"]
    if origin in (list, typing.List):
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no list"]
        return [wrong for at, item in enumerate(value) for wrong in check(item, arguments[0], f"{where}[{at}]")]
    if origin is stripe.ListObject:
        return [wrong for at, item in enumerate(value["data"]) for wrong in check(item, arguments[0], f"{where}[{at}]")]
    if kind is type(None):
        return [] if value is None else [f"{where}: {value!r} is not null"]
    if kind is decimal.Decimal:
        return [] if isinstance(value, str) else [f"{where}: {value!r} is no decimal in words"]
    if kind in (str, int, bool, float):
        fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        return [] if fits else [f"{where}: {value!r} is no {kind.__name__}"]
    if isinstance(kind, type) and issubclass(kind, stripe.StripeObject):
        return check_object(value, kind, where)
    return [] if isinstance(value, dict) or kind is typing.Any else [f"{where}: {value!r} is no object"]


def check_object(value, kind, where):
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no object"]
    known = fields(kind)
    if not known:
        return []
    missing = [f"{where}.{name} is missing" for name, of in known.items() if not is_optional(of) and name not in value]
    unknown = [f"{where}.{name} is nothing that Stripe has" for name in value if name not in known]
    wrong = [wrong for name in value if name in known for wrong in check(value[name], known[name], f"{where}.{name}")]
    return missing + unknown + wrong


def main(file):
    with open(file, encoding="utf-8") as source:
        objects = json.load(source)
    print(json.dumps([wrong for found in objects for wrong in check(found, TYPES[found["object"]], found["object"])]))


if __name__ == "__main__":
    main(*sys.argv[1:])
