from tests.pictures import pictures, rendered

__all__ = ["pictures", "rendered"]
