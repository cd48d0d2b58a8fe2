// The floor: the same requests by the browser's own fetch, with nothing of Python in between.
globalThis.nativeStorm = async ([count, token]) => {
  const headers = {Authorization: `Bearer ${token}`};
  const began = performance.now();
  const statuses = await Promise.all(
    Array.from({length: count}, (_, n) => fetch(`/api/echo?n=${n}`, {headers}).then(response => response.status, () => 0)),
  );
  const seconds = (performance.now() - began) / 1000;
  return {seconds, answered: statuses.filter(status => status === 200).length};
};
