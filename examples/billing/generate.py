#!/usr/bin/env python3
"""Writes the demo's input files beside this script. The output is committed; it is the same at every run.

A billing system is synced twice: the second sync brings changed, new and deleted rows, a new column, and one value
that no date column can hold.
"""
import json
import pathlib
import random
import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

HERE = pathlib.Path(__file__).parent
RANDOM = random.Random(20260131)
TODAY = datetime(2026, 1, 31, 6, 0, tzinfo=timezone.utc)
STATE_EVERY = 400

STRING = {"type": ["null", "string"]}
INTEGER = {"type": ["null", "integer"]}
NUMBER = {"type": ["null", "number"]}
BOOLEAN = {"type": ["null", "boolean"]}
OBJECT = {"type": ["null", "object"]}
ARRAY = {"type": ["null", "array"]}
DATE = {"type": ["null", "string"], "format": "date"}
INSTANT = {"type": ["null", "string"], "format": "date-time", "airbyte_type": "timestamp_with_timezone"}
WALL_CLOCK = {"type": ["null", "string"], "format": "date-time", "airbyte_type": "timestamp_without_timezone"}
DELETED = "_ab_cdc_deleted_at"

# name: (properties, key, mode)
STREAMS = {
    "customers": (dict(id=STRING, name=STRING, email=STRING, country=STRING, currency=STRING, metadata=OBJECT,
                       created_at=INSTANT, updated_at=INSTANT), "id", "append_dedup"),
    "plans": (dict(id=STRING, name=STRING, interval=STRING, price=NUMBER, tiers=ARRAY, active=BOOLEAN,
                   updated_at=INSTANT, **{DELETED: INSTANT}), "id", "append_dedup"),
    "subscriptions": (dict(id=STRING, customer_id=STRING, plan_id=STRING, status=STRING, quantity=INTEGER,
                           start_date=DATE, updated_at=INSTANT), "id", "append_dedup"),
    "invoices": (dict(id=STRING, number=STRING, customer_id=STRING, status=STRING, currency=STRING, issue_date=DATE,
                      due_date=DATE, subtotal=NUMBER, tax=NUMBER, total=NUMBER, line_items=ARRAY,
                      updated_at=INSTANT), "id", "append_dedup"),
    "credit_ledger": (dict(id=INTEGER, customer_id=STRING, kind=STRING, amount=NUMBER, balance_after=NUMBER,
                           effective_at=WALL_CLOCK, note=STRING), None, "append"),
    "daily_usage": (dict(day=DATE, customer_id=STRING, metric=STRING, quantity=NUMBER, billed=BOOLEAN), None, "overwrite"),
}

FIRST = "Ada Alan Barbara Claude Donald Edsger Frances Grace Hedy Ida Jean Karen Leslie Margaret Niklaus Radia Sophie Tim".split()
COMPANY = "Analytics Bakery Brewing Cloud Dynamics Foods Freight Games Health Robotics Studio Textiles".split()
COUNTRIES = [("DE", "EUR"), ("FR", "EUR"), ("US", "USD"), ("GB", "GBP"), ("JP", "JPY"), ("BR", "BRL")]
METRICS = [("api_calls", "0.0004"), ("storage_gb_hours", "0.000137"), ("seats", "12.50")]


def instant(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def cents(amount):
    return amount.quantize(Decimal("0.01"))


def dump(value):
    """JSON with decimals as number literals, digit by digit."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=lambda d: f"@decimal:{d:f}@")
    return re.sub(r'"@decimal:([-0-9.]+)@"', r"\1", text)


def customers():
    for n in range(1, 201):
        country, currency = RANDOM.choice(COUNTRIES)
        name = f"{RANDOM.choice(FIRST)} {RANDOM.choice(COMPANY)}" + RANDOM.choice(["", " GmbH", " & Söhne", " Inc.", ' "West"'])
        created = TODAY - timedelta(days=RANDOM.randint(60, 900), seconds=RANDOM.randint(0, 86399))
        yield dict(id=f"cus_{n:04}", name=name, email=f"billing{n}@example.com", country=country, currency=currency,
                   metadata={"segment": RANDOM.choice(["self-serve", "enterprise"]), "seats": RANDOM.randint(1, 500)},
                   created_at=instant(created), updated_at=instant(created))


def plans():
    for key, name, price in [("legacy", "Legacy 2019", "9.00"), ("free", "Free", "0.00"), ("starter", "Starter", "29.00"),
                             ("team", "Team", "99.00"), ("scale", "Scale", "499.00"), ("enterprise", "Enterprise", "2500.00")]:
        tiers = [{"metric": metric, "unit_price": Decimal(unit), "included": RANDOM.choice([0, 100, 10000])}
                 for metric, unit in METRICS]
        yield dict(id=f"plan_{key}", name=name, interval="month", price=Decimal(price), tiers=tiers, active=key != "legacy",
                   updated_at=instant(TODAY - timedelta(days=100)))


def subscriptions(all_customers):
    for n, customer in enumerate(all_customers, 1):
        start = TODAY - timedelta(days=RANDOM.randint(10, 400))
        yield dict(id=f"sub_{n:04}", customer_id=customer["id"],
                   plan_id="plan_" + RANDOM.choice(["free", "starter", "team", "team", "scale", "enterprise"]),
                   status=RANDOM.choice(["active"] * 8 + ["past_due", "canceled"]), quantity=RANDOM.randint(1, 40),
                   start_date=start.date().isoformat(), updated_at=instant(start))


def invoice(n, customer, issued, status):
    items, subtotal = [], Decimal(0)
    for metric, unit in RANDOM.sample(METRICS, RANDOM.randint(1, 3)):
        quantity = Decimal(RANDOM.randint(1, 2_000_000)) / (1000 if metric == "storage_gb_hours" else 1)
        quantity = Decimal(RANDOM.randint(1, 60)) if metric == "seats" else quantity
        amount = cents(quantity * Decimal(unit))
        items.append(dict(description=metric.replace("_", " "), quantity=quantity, unit_price=Decimal(unit), amount=amount))
        subtotal += amount
    tax = cents(subtotal * Decimal("0.19"))
    return dict(id=f"inv_{n:05}", number=f"{issued:%Y%m}-{n:05}", customer_id=customer["id"], status=status,
                currency=customer["currency"], issue_date=issued.isoformat(), due_date=(issued + timedelta(days=30)).isoformat(),
                subtotal=subtotal, tax=tax, total=subtotal + tax, line_items=items,
                updated_at=instant(datetime(issued.year, issued.month, issued.day, 2, tzinfo=timezone.utc)))


def invoices(all_customers):
    for n in range(1, 901):
        issued = date(2025, RANDOM.randint(8, 12), 1)
        status = "paid" if issued.month < 12 else RANDOM.choice(["issued", "paid"])
        yield invoice(n, RANDOM.choice(all_customers), issued, status)


def ledger(all_customers, first, count, balances, day):
    for n in range(first, first + count):
        customer = RANDOM.choice(all_customers)["id"]
        kind = RANDOM.choice(["grant", "grant", "usage"])
        amount = Decimal(RANDOM.randint(1, 9_999_999)) / 10_000 * (-1 if kind == "usage" else 1)
        balances[customer] = balances.get(customer, Decimal(0)) + amount
        moment = day + timedelta(seconds=n * 61)
        yield dict(id=n, customer_id=customer, kind=kind, amount=amount, balance_after=balances[customer],
                   effective_at=moment.strftime("%Y-%m-%dT%H:%M:%S"),
                   note=RANDOM.choice(["", None, "prepaid commitment", "goodwill – see ticket", "burn-down\nautomatic"]))


def usage(all_customers, days, last):
    for back in range(days, 0, -1):
        for customer in all_customers[:24]:
            metric, _ = RANDOM.choice(METRICS)
            yield dict(day=(last - timedelta(days=back)).isoformat(), customer_id=customer["id"], metric=metric,
                       quantity=Decimal(RANDOM.randint(0, 50_000_000)) / 1000, billed=back > 7)


def write(number, rows, properties):
    """One sync: its catalog and its messages."""
    streams = []
    for name, (_, key, mode) in STREAMS.items():
        refresh = mode == "overwrite"
        generation = number if refresh else 1
        stream = dict(
            stream=dict(name=name, json_schema=dict(type="object", properties=properties[name]),
                        supported_sync_modes=["full_refresh", "incremental"]),
            sync_mode="full_refresh" if refresh else "incremental",
            # this is how an orchestrator with refresh support spells a full refresh
            destination_sync_mode="append" if refresh else mode,
            generation_id=generation, minimum_generation_id=generation if refresh else 0, sync_id=number)
        if key:
            stream.update(primary_key=[[key]], cursor_field=["updated_at"])
        streams.append(stream)
    (HERE / f"catalog{number}.json").write_text(json.dumps(dict(streams=streams), indent=1) + "\n")

    emitted_at = int(TODAY.timestamp() * 1000) + (number - 1) * 86_400_000
    lines, state_id = [], 0
    for name, records in rows.items():
        since = 0
        for position, data in enumerate(records, 1):
            lines.append(dict(type="RECORD", record=dict(stream=name, data=data, emitted_at=emitted_at + position)))
            since += 1
            if since == STATE_EVERY or position == len(records):
                state_id += 1
                lines.append(dict(type="STATE", state=dict(
                    type="STREAM", stream=dict(stream_descriptor=dict(name=name), stream_state=dict(sync=number, row=position)),
                    sourceStats=dict(recordCount=float(since)), id=state_id)))
                since = 0
    for name in rows:
        lines.append(dict(type="TRACE", trace=dict(type="STREAM_STATUS", emitted_at=emitted_at + 60_000, stream_status=dict(
            stream_descriptor=dict(name=name), status="COMPLETE"))))
    (HERE / f"sync{number}.jsonl").write_text("".join(dump(line) + "\n" for line in lines))


def main():
    properties = {name: dict(stream[0]) for name, stream in STREAMS.items()}
    balances = {}
    old = list(customers())
    first = dict(customers=old, plans=list(plans()), subscriptions=list(subscriptions(old)), invoices=list(invoices(old)),
                 credit_ledger=list(ledger(old, 1, 1000, balances, datetime(2025, 12, 1))),
                 daily_usage=list(usage(old, 60, date(2026, 1, 31))))
    write(1, first, properties)

    later = TODAY + timedelta(hours=12)
    # new column: the tax number of some customers, who also moved
    properties["customers"]["vat_number"] = STRING
    changed = [dict(c, country="DE", vat_number=f"DE{RANDOM.randint(100000000, 999999999)}", updated_at=instant(later))
               for c in RANDOM.sample(old, 25)]
    # the rest of last month is paid, one plan is deleted, and February is invoiced
    paid = [dict(i, status="paid", updated_at=instant(later)) for i in first["invoices"] if i["status"] == "issued"]
    new = [invoice(n, RANDOM.choice(old), date(2026, 2, 1), "issued") for n in range(901, 1001)]
    new[41]["due_date"] = "2026-02-30"
    gone = {"id": "plan_legacy", "updated_at": instant(later), DELETED: instant(later)}
    write(2, dict(customers=changed, plans=[gone], subscriptions=[dict(s, status="canceled", updated_at=instant(later))
                                                                  for s in first["subscriptions"][:10]],
                  invoices=paid + new, credit_ledger=list(ledger(old, 1001, 150, balances, datetime(2026, 1, 31))),
                  daily_usage=list(usage(old, 61, date(2026, 2, 1)))), properties)


main()
