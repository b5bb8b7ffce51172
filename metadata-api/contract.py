#!/usr/bin/env python3
"""Makes of the contract (docs/openapi.yaml) what safelight-api serves: contract.py YAML FOLDER writes openapi.json and
docs.html. The YAML's x-shared holds anchors only and is left out."""
import html
import json
import sys
from pathlib import Path

import yaml

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")


class Loader(yaml.SafeLoader):
    """Times stay texts, and a name that stands twice is a mistake."""

    def construct_mapping(self, node, deep=False):
        own = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for name in own:
            if own.count(name) > 1:
                raise SystemExit(f"{node.start_mark.name}:{node.start_mark.line + 1}: {name} stands twice")
        return super().construct_mapping(node, deep)


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Page:
    """The contract as HTML: plain, without scripts."""

    STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
h2{border-bottom:1px solid #ccc;margin-top:3rem}code,pre{font:14px/1.4 ui-monospace,monospace}
details{border:1px solid #ddd;border-radius:4px;margin:.4rem 0;padding:.3rem .7rem}summary{cursor:pointer}
.method{display:inline-block;min-width:4.5rem;font-weight:700}.quiet{color:#555}
pre{background:#f4f4f4;padding:.7rem;overflow:auto;border-radius:4px}td{padding:.1rem .8rem .1rem 0;vertical-align:top}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}pre{background:#222}details{border-color:#444}.quiet{color:#aaa}a{color:#8bf}}"""

    def __init__(self, contract):
        self.contract = contract

    def follow(self, thing):
        while "$ref" in thing:
            place = self.contract
            for name in thing["$ref"][2:].split("/"):
                place = place[name.replace("~1", "/").replace("~0", "~")]
            thing = place
        return thing

    def shape(self, schema, indent=0):
        """A schema in one reading: {name: type, …}."""
        if "$ref" in schema:
            return schema["$ref"].rsplit("/", 1)[-1]
        for word in ("oneOf", "anyOf"):
            if word in schema:
                return " | ".join(self.shape(one, indent) for one in schema[word])
        if "properties" in schema:
            pad, lines = "  " * (indent + 1), []
            for name, one in schema["properties"].items():
                mark = "" if name in schema.get("required", []) else "?"
                note = f"  — {one['description']}" if "description" in one else ""
                lines.append(f"{pad}{name}{mark}: {self.shape(one, indent + 1)}{note}")
            return "{\n" + "\n".join(lines) + "\n" + "  " * indent + "}"
        if "items" in schema:
            return f"[{self.shape(schema['items'], indent)}, …]"
        if "enum" in schema:
            return " | ".join(json.dumps(one) for one in schema["enum"])
        if "const" in schema:
            return json.dumps(schema["const"])
        kinds = schema.get("type", "any")
        text = " or ".join(kinds) if isinstance(kinds, list) else kinds
        return f"{text} ({schema['format']})" if "format" in schema else text

    def content(self, content):
        for kind, media in content.items():
            yield f"<p class=quiet>{html.escape(kind)}</p>"
            if "schema" in media:
                yield f"<pre>{html.escape(self.shape(media['schema']))}</pre>"
            for example in [media["example"]] if "example" in media else []:
                text = example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
                yield f"<pre>{html.escape(text)}</pre>"

    def operation(self, path, method, operation, shared):
        mark = "" if operation.get("security", self.contract["security"]) else " <span class=quiet>(public)</span>"
        yield (f"<details id=\"{operation['operationId']}\"><summary><code><span class=method>{method.upper()}</span>"
               f"{html.escape(path)}</code>{mark}<br>{html.escape(operation['summary'])}</summary>")
        if "description" in operation:
            yield f"<p>{html.escape(operation['description'])}</p>"
        parameters = [self.follow(one) for one in shared + operation.get("parameters", [])]
        if parameters:
            yield "<table>"
            for one in parameters:
                yield (f"<tr><td><code>{html.escape(one['name'])}</code><td>{one['in']}<td>"
                       f"{html.escape(self.shape(one['schema']))}<td>{html.escape(one.get('description', ''))}")
            yield "</table>"
        if "requestBody" in operation:
            yield from self.content(self.follow(operation["requestBody"])["content"])
        for status, answer in operation["responses"].items():
            answer = self.follow(answer)
            yield f"<p><b>{status}</b> {html.escape(answer['description'])}</p>"
            if int(status) < 400:
                yield from self.content(answer.get("content", {}))
        yield "</details>"

    def write(self):
        info = self.contract["info"]
        yield f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">"
        yield f"<title>{html.escape(info['title'])}</title><style>{self.STYLE}</style><h1>{html.escape(info['title'])}</h1>"
        for paragraph in info["description"].strip().split("\n\n"):
            yield f"<p>{html.escape(paragraph)}</p>"
        yield "<p><a href=\"/openapi.json\">openapi.json</a></p>"
        for tag in self.contract["tags"]:
            yield f"<h2>{html.escape(tag['name'])}</h2><p>{html.escape(tag['description'])}</p>"
            for path, methods in self.contract["paths"].items():
                for method in METHODS:
                    if tag["name"] in methods.get(method, {}).get("tags", []):
                        yield from self.operation(path, method, methods[method], methods.get("parameters", []))
        yield "<h2>shapes</h2>"
        for name, schema in self.contract["components"]["schemas"].items():
            yield f"<h3 id=\"{name}\">{name}</h3><p>{html.escape(schema.get('description', ''))}</p>"
            yield f"<pre>{html.escape(self.shape(schema))}</pre>"
        yield "</html>"


def main():
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    with source.open(encoding="utf-8") as file:
        contract = yaml.load(file, Loader)
    contract.pop("x-shared")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "docs.html").write_text("\n".join(Page(contract).write()) + "\n", encoding="utf-8")
    # Last: make looks at its time.
    (folder / "openapi.json").write_text(json.dumps(contract, ensure_ascii=False), encoding="utf-8")


main()
