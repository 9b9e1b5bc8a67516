"""The same with dlt's REST source and its Parquet loader into DuckDB, which is the fair setting for it.

Usage: dlt_pipeline.py URL KEY FOLDER. Prints one JSON line: {"rows": n, "seconds": s}.
"""

import json
import os
import sys
import time

url, key, folder = sys.argv[1:4]
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

import dlt  # noqa: E402
from dlt.sources.rest_api import rest_api_source  # noqa: E402

begun = time.monotonic()
source = rest_api_source(
    {
        "client": {"base_url": f"{url}/api/", "headers": {"x-api-key": key}},
        "resources": [
            {
                "name": "systemusers",
                "primary_key": "_id",
                "endpoint": {
                    "path": "systemusers",
                    "params": {"sort": "_id"},
                    "data_selector": "results",
                    "paginator": {"type": "offset", "limit": 100, "limit_param": "limit", "offset_param": "skip", "total_path": "totalCount"},
                },
            }
        ],
    }
)
pipeline = dlt.pipeline(
    "peer", pipelines_dir=os.path.join(folder, "state"), destination=dlt.destinations.duckdb(os.path.join(folder, "peer.duckdb")), dataset_name="inventory"
)
pipeline.run(source, loader_file_format="parquet")
with pipeline.sql_client() as client:
    count = client.execute_sql("SELECT COUNT(*) FROM systemusers")[0][0]
print(json.dumps({"rows": count, "seconds": time.monotonic() - begun}))
