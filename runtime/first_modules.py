"""Stands in the place of a package's `__init__` in the page's wheel: brings what every page imports of it, at once.

The byte code of these modules lies in one file. To read and unmarshal that takes half as long as to find eighty modules
in a wheel, one by one. Any other module is found in the wheel, as ever. `compile_archive` makes the file.
"""

import marshal
import sys
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any


class FirstModules:
    """Finds and loads the modules of `package` whose code stands in its file `first.marshal`."""

    def __init__(self, package: ModuleSpec) -> None:
        assert package.submodule_search_locations is not None
        loader: Any = package.loader
        (folder,) = package.submodule_search_locations
        self._place = folder.removesuffix(package.name)
        self.get_data = loader.get_data  # for pkgutil.get_data, too
        self.code: dict[str, CodeType] = marshal.loads(self.get_data(f"{folder}/first.marshal"))

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Where the module is; None for any other module."""
        code = self.code.get(name)
        if code is None:
            return None
        file = f"{self._place}{name.replace('.', '/')}"
        is_package = code.co_filename.endswith("/__init__.py")
        origin = f"{file}/__init__.pyc" if is_package else f"{file}.pyc"
        spec = ModuleSpec(name, self, origin=origin, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(file)
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """A module like any other."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code."""
        exec(self.code[module.__name__], module.__dict__)


first = FirstModules(__spec__)
sys.meta_path.insert(0, first)
exec(first.code[__name__], globals())
