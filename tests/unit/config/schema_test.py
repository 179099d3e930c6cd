#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""schema_test.py PRINT_SCHEMA EXAMPLE: the generated JSON Schema accepts the example, as it stands and with everything
switched on, and refuses what an editor should underline. The validator below knows exactly the keywords the generator
uses; another keyword is an error."""
import json
import re
import subprocess
import sys
import tomllib

IGNORED = {"$schema", "title", "description", "default", "$defs"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}


def is_type(value, name: str) -> bool:
    return isinstance(value, TYPES[name]) and not (name == "integer" and isinstance(value, bool))


class Validator:
    def __init__(self, schema: dict):
        self.root = schema

    def check(self, schema: dict, value) -> bool:
        return all(self.keyword(schema, name, argument, value) for name, argument in schema.items() if name not in IGNORED)

    def keyword(self, schema: dict, name: str, argument, value) -> bool:
        match name:
            case "$ref": return self.check(self.root["$defs"][argument.removeprefix("#/$defs/")], value)
            case "type": return is_type(value, argument)
            case "enum": return value in argument
            case "anyOf": return any(self.check(one, value) for one in argument)
            case "pattern": return not isinstance(value, str) or re.search(argument, value) is not None
            case "minLength": return not isinstance(value, str) or len(value) >= argument
            case "maxLength": return not isinstance(value, str) or len(value) <= argument
            case "minimum": return not is_type(value, "integer") or value >= argument
            case "maximum": return not is_type(value, "integer") or value <= argument
            case "minItems": return not isinstance(value, list) or len(value) >= argument
            case "maxItems": return not isinstance(value, list) or len(value) <= argument
            case "items": return not isinstance(value, list) or all(self.check(argument, item) for item in value)
            case "required": return not isinstance(value, dict) or all(key in value for key in argument)
            case "propertyNames": return not isinstance(value, dict) or all(self.check(argument, key) for key in value)
            case "properties":
                return not isinstance(value, dict) or all(self.check(argument[key], item) for key, item in value.items()
                                                          if key in argument)
            case "additionalProperties": return not isinstance(value, dict) or self.additional(schema, argument, value)
        sys.exit(f"the schema uses {name}, which this test does not know")

    def additional(self, schema: dict, argument, value: dict) -> bool:
        rest = [item for key, item in value.items() if key not in schema.get("properties", {})]
        return not rest if argument is False else all(self.check(argument, item) for item in rest)


ROUTER = "[virtual_router.r]\ninterface = 'eth0'\nvrid = 1\naddresses = ['192.0.2.1/24']\n"
SERVICE = "[virtual_service.s]\naddress = '192.0.2.1:80'\n"
GOOD = ["", ROUTER, SERVICE, ROUTER + "source6 = 'fe80::1'\nadvert_interval = '1m30s'\n",
        SERVICE + "servers = ['10.0.0.1', '10.0.0.1:80', '2001:db8::1', '[2001:db8::1]:80', { address = '10.0.0.2' }]\n",
        ROUTER + "routes = ['default via 192.0.2.1', { to = 'default', via = '192.0.2.1', table = 100 }]\n",
        ROUTER + "rules = ['from 192.0.2.1 priority 5', { from = '192.0.2.1', priority = 5 }]\nversion = 2\n",
        ROUTER + "excluded_addresses = ['192.0.2.2/24 dev eth1', { address = '192.0.2.3/24', label = 'eth0:a' }]\n",
        ROUTER + "peers = ['10.0.0.2', { address = '10.0.0.3', min_ttl = 1 }]\ntrack = ['t', { tracker = 't' }]\n",
        ROUTER + "announce_repeat = ['1s', '2s']\n[sync_group.g]\nrouters = ['r']\n[tracker.t]\nfile = '/x'\n",
        SERVICE + "check = 'tcp'\nsorry_server = '10.0.0.1'\n",
        SERVICE + "checks = ['ping', { kind = 'http', status = [200, '300-399'], headers = ['a'] }]\n",
        SERVICE + "check = { kind = 'http', status = '200-299' }\n",
        "[server_template.t]\nweight = 2\ncheck = 'tcp'\n[server_defaults]\nforward = 'dr'\n",
        "[service_defaults]\nscheduler = 'rr'\n[server_group.g]\nservers = ['10.0.0.1']\n"]
BAD = ["x = 1\n", "[globe]\n", "[global]\non_stopp = 'keep'\n", "[global]\non_stop = 'kept'\n", "[virtual_router.r]\n",
       ROUTER.replace("1\n", "0\n"), ROUTER.replace("1\n", "256\n"), ROUTER.replace("1\n", "true\n"),
       ROUTER.replace("['192.0.2.1/24']", "[]"), ROUTER.replace("eth0", "eth0:1"), ROUTER.replace("eth0", "x" * 16),
       ROUTER.replace("/24", "/x"), ROUTER + "advert_interval = 1\n", ROUTER + "advert_interval = '1'\n",
       ROUTER + "routes = [{ via = '192.0.2.1' }]\n", ROUTER + "rules = [{ from = '192.0.2.1' }]\n",
       ROUTER + "peers = ['x']\n", ROUTER + "peers = [{ address = '10.0.0.3', ttl = 1 }]\n",
       ROUTER + "announce_repeat = ['1']\n", ROUTER + "track = [{ tracker = 't', weight = 254 }]\n",
       ROUTER + "version = 4\n", "[sync_group.g]\n", "[tracker.t]\nfiles = '/x'\n",
       ROUTER.replace("virtual_router.r", 'virtual_router."a b"'), SERVICE + "servers = '10.0.0.1'\n",
       SERVICE + "servers = [{ weight = 1 }]\n", SERVICE + "servers = [{ address = '10.0.0.1', wieght = 1 }]\n",
       SERVICE.replace(":80", ""), SERVICE + "scheduler_flags = ['x']\n", SERVICE + "check = 'smtp'\n",
       SERVICE + "check = { rise = 1 }\n", SERVICE + "check = { kind = 'tcp', path = '/' }\n",
       SERVICE + "check = { kind = 'http', status = 99 }\n", SERVICE + "check = { kind = 'dns' }\n",
       "[server_template.t]\naddress = '10.0.0.1'\n", "[server_template.t]\ntemplate = 'u'\n",
       "[server_defaults]\naddress = '10.0.0.1'\n", "[server_defaults]\ntemplate = 'u'\n", "[server_group.g]\n"]


def main() -> int:
    schema = json.loads(subprocess.run([sys.argv[1]], capture_output=True, check=True, text=True).stdout)
    with open(sys.argv[2], encoding="utf-8") as file:
        example = file.read()
    validator = Validator(schema)
    wrong = [text for text in [example, re.sub(r"^#(?=[^ \n])", "", example, flags=re.M), *GOOD]
             if not validator.check(schema, tomllib.loads(text))]
    wrong += [text for text in BAD if validator.check(schema, tomllib.loads(text))]
    for text in wrong:
        print(f"judged wrongly:\n{text}")
    print(f"{len(GOOD) + 2} good, {len(BAD)} bad configurations, {len(wrong)} judged wrongly")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
