"""What the tests of whole operations share: the scripted AWS of the collector's tests, and the real PostgreSQL of the store's."""

from tests.contract.conftest import new_database, postgres_server
from tests.contract.store.conftest import emptied_database
from tests.integration.aws.conftest import aws

__all__ = ["aws", "emptied_database", "new_database", "postgres_server"]
