from tests.support.simulator import simulator

__all__ = ["simulator"]
