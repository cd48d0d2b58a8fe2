// Makes the index that search.js reads: `node search_index.mjs LIBRARY SECTIONS INDEX`, with the paths of three files.
import {readFile, writeFile} from "node:fs/promises";
import {pathToFileURL} from "node:url";

const [library, sections, target] = process.argv.slice(2);
const {default: MiniSearch} = await import(pathToFileURL(library));
const options = {
    fields: ["heading", "title", "text"],
    storeFields: ["language", "title", "heading", "text"],
};
const index = new MiniSearch(options);
index.addAll(JSON.parse(await readFile(sections, "utf-8")));
await writeFile(target, JSON.stringify({options, index}));
