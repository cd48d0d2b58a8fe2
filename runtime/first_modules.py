"""Stands in the place of a package's `__init__` in the page's wheel: brings what every page imports of it, at once.

The byte code of these modules lies in one file. To read and unmarshal that takes half as long as to find eighty modules
in a wheel, one by one. Any other module is found in the wheel, as ever. `compile_archive` makes the file.
"""

import marshal
import sys
from importlib.machinery import ModuleSpec, PathFinder, SourcelessFileLoader
from types import CodeType
from typing import Any


class FirstModules:
    """Finds and loads the modules of `package` whose code stands in its file `first.marshal`."""

    def __init__(self, package: ModuleSpec) -> None:
        assert package.submodule_search_locations is not None
        loader: Any = package.loader
        (folder,) = package.submodule_search_locations
        self._place = folder.removesuffix(package.name)
        self.get_data = loader.get_data  # for pkgutil.get_data, too
        code: dict[str, CodeType] = marshal.loads(self.get_data(f"{folder}/first.marshal"))
        self.get_code: Any = code.get

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Where the module is; None for any other module."""
        code = self.get_code(name)
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

    exec_module: Any = SourcelessFileLoader.exec_module  # Python leaves this one's frame out of tracebacks

    def get_resource_reader(self, name: str) -> Any:
        """For `importlib.resources`: what is left of the package in the wheel; None if nothing is."""
        from importlib.resources.readers import NamespaceReader  # here, since hardly any page needs it

        left = PathFinder.find_spec(name, [f"{self._place}{name.replace('.', '/')}".rpartition("/")[0]])
        if left is not None and left.loader is None:  # without its `__init__` it is a namespace package
            return NamespaceReader(left.submodule_search_locations or ())
        loader: Any = left and left.loader
        return loader and loader.get_resource_reader(name)


first = FirstModules(__spec__)
sys.meta_path.insert(0, first)
exec(first.get_code(__name__), globals())
