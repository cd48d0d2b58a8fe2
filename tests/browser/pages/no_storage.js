// What a page meets whose user forbids it to keep things: reading the attribute raises.
for (const area of ["localStorage", "sessionStorage"])
  Object.defineProperty(window, area, {
    get() {
      throw new DOMException("forbidden by the user", "SecurityError");
    },
  });
