"""Training: the one loop and what belongs to it. `zoopose.train(...)`, a call of this package, trains a network.

The public function is `zoopose.library.training.train`. This package has the same name, and Python binds `zoopose.train` to the
package whenever a module of it is imported. So the package can be called.
"""

import inspect
import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """A package that can be called: calls go to the library's function `train`."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """See `zoopose.library.training.train`."""
        from .. import _public

        return _public("train")(*args, **options)

    @property
    def __signature__(self) -> inspect.Signature:
        from .. import _public

        return inspect.signature(_public("train"))


sys.modules[__name__].__class__ = _CallablePackage
