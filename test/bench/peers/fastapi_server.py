"""FastAPI as one writes it by hand: orjson, one inference a request, uvicorn with two workers."""
import orjson
from fastapi import FastAPI, Request, Response

from common import MODELS, PORT, WORKERS, Model

app = FastAPI()
models = {name: Model(name) for name in MODELS}


@app.post("/v2/models/{name}/infer")
async def infer(name: str, request: Request):
    body = orjson.loads(await request.body())
    return Response(orjson.dumps(models[name].run_requests([body["inputs"]])[0]), media_type="application/json")


if __name__ == "__main__":
    import uvicorn

    uvicorn.run("fastapi_server:app", host="127.0.0.1", port=PORT, workers=WORKERS, log_level="warning", access_log=False)
