"""Other services: how they are set, and how an entry that is wrong is named."""

import pytest

from graph.settings import Settings
from tests.settings.environment import SERVICES, SetVariables, refusal

ORDERS = SERVICES
BILLING = "billing:cVuT8fYwU0pXl5Zk1Q2rWb7nE4hJ6gKs9dMaPxLoIyA:users"
ANOTHER = "orders:Zk1Q2rWb7nE4hJ6gKs9dMaPxLoIyAcVuT8fYwU0pXl5:users"


@pytest.mark.parametrize("services", [ORDERS, f"{ORDERS},{BILLING}", f" {ORDERS} ,\n{BILLING} ", f"{ORDERS},{ANOTHER}"])
def test_services_are_entries_with_commas_between(services: str, env: SetVariables) -> None:
    env(WXGATE_SERVICES=services)
    found = Settings.load().services
    assert found is not None
    assert found.get_secret_value() == services.strip()


@pytest.mark.parametrize(
    ("services", "fault"),
    [
        ("Qx7", "entry 1: it must begin with a name"),
        (f"{ORDERS},", "entry 2: it must begin with a name"),
        (f"{ORDERS},,{BILLING}", "entry 2: it must begin with a name"),
        (f"{ORDERS},Qx7{BILLING}", "entry 2: it must begin with a name"),
        (f"{'o' * 33}{BILLING.removeprefix('billing')}", "entry 1: it must begin with a name"),
        ("Qx7".lower(), "entry 1: its second part must be the hash that `wxgate services new` printed"),
        (f"{ORDERS},billing:wxk_Qx7:users", "entry 2: its second part must be the hash"),
        (f"{ORDERS},{BILLING.replace(':users', 'Q:users')}", "entry 2: its second part must be the hash"),
        (f"{ORDERS},{ORDERS.replace('orders', 'billing')}", "entry 2: it has the secret of an earlier entry"),
        (f"{ORDERS},{BILLING}+Qx7", "entry 2: its scopes must be of users, joined by +"),
        (f"{ORDERS},{BILLING}+", "entry 2: its scopes must be of users, joined by +"),
        (f"{ORDERS},{BILLING.replace('users', 'introspect')}", "entry 2: its scopes must be of users, joined by +"),
    ],
)
def test_an_entry_that_is_wrong_is_named_by_its_position(services: str, fault: str, env: SetVariables) -> None:
    env(WXGATE_SERVICES=services)
    sentence = refusal()
    assert sentence.startswith(f"WXGATE_SERVICES has a fault in {fault}")
    assert ORDERS.split(":")[1] not in sentence
