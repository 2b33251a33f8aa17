"""Reads receipts with xAI's Grok, which takes JPEG and PNG but no PDF.

https://docs.x.ai/developers/model-capabilities/images/understanding and .../text/reasoning
(read 2026-11-26).
"""

from typing import Any

from providers import vision
from providers.http import Answer, Client, Failure, Vendor
from providers.json_answer import dig, dig_list
from providers.openai import BAD_IMAGE
from settings import Settings

XAI = Vendor("xAI", "XAI_API_KEY", "XAI_BASE_URL", "XAI_MODEL")
unavailable, model, sends_to = XAI.unavailable, XAI.model, XAI.host

# The least reasoning that a model takes, by how its name begins; 4.5 and 4.6 refuse "none".
# Others are sent nothing: grok-4.20-* answers 400 to every effort.
LEAST_EFFORT = {"grok-4.3": "none", "grok-4.5": "low", "grok-4.6": "low"}


def _reasoning(model: str) -> dict[str, Any]:
    efforts = [effort for name, effort in LEAST_EFFORT.items() if model.startswith(name)]
    return {"reasoning": {"effort": efforts[0]}} if efforts else {}


def _request(document: vision.Document, settings: Settings) -> dict[str, Any]:
    image = {"type": "input_image", "image_url": document.data_url, "detail": "high"}
    text = {"type": "input_text", "text": document.prompt}
    schema = {"type": "json_schema", "name": "receipt", "strict": True, "schema": vision.SCHEMA}
    return {
        "model": XAI.model(settings),
        **_reasoning(settings.xai_model),
        "store": False,  # else it is kept for 30 days, and with images "the request may fail"
        "max_output_tokens": vision.MAX_TOKENS,
        "input": [
            {"role": "system", "content": vision.SYSTEM},
            {"role": "user", "content": [image, text]},
        ],
        "text": {"format": schema},
    }


def _classify(answer: Answer, client: Client) -> Failure | None:
    error = dig(answer.body, "error")
    vendor_message = error if isinstance(error, str) else dig(error, "message")
    if answer.status == 400 and "api key" in str(vendor_message).lower():  # nothing else tells
        advice = "does not accept the key; check XAI_API_KEY"
        return client.failure("bad_key", advice, vendor_message)
    if dig(error, "code") in BAD_IMAGE:
        return vision.bad_image(client, vendor_message)
    if answer.status == 200 and dig(answer.body, "status") == "failed":
        advice = "could not finish its answer; try again later"
        return client.failure("server_error", advice, vendor_message, retry=True)
    return client.status_failure(answer, vendor_message)


def _content(body: object, client: Client) -> str:
    """The text of all messages. Raises ProviderError for a refusal or a cut answer."""
    if not isinstance(dig(body, "output"), list):
        raise client.not_its_api()
    if dig(body, "status") == "incomplete":
        filtered = dig(body, "incomplete_details", "reason") == "content_filter"
        raise vision.refused(client) if filtered else vision.truncated(XAI)
    messages = [item for item in dig_list(body, "output") if dig(item, "type") == "message"]
    parts = [part for message in messages for part in dig_list(message, "content")]
    for part in parts:
        if dig(part, "type") == "refusal":
            raise vision.refused(client, dig(part, "refusal"))
    texts = [dig(part, "text") for part in parts if dig(part, "type") == "output_text"]
    return "".join(text for text in texts if isinstance(text, str))


ocr = vision.ChatApi(
    XAI,
    url=lambda settings: f"{XAI.url(settings)}/responses",
    headers=XAI.bearer,
    request=_request,
    classify=_classify,
    content=_content,
).ocr
