"""Reads a SARIF log by models that were generated from the schema and take no member it does not name."""

import json
import sys

from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Log

with open(sys.argv[1], encoding="utf-8") as file:
    log = Log.model_validate(json.load(file))
print(len(log.runs[0].results))
