"""The model vendors of the fake internet: models that ask an agent for what the prompt says.

A prompt with "script:WORD" in it, WORD being base64 of a JSON list of shell commands, makes the model call the agent's shell tool with one
after the other (or, where it is an object with "tool" and "input", that tool), and then say how many results it has seen, and with "report:results" in
the prompt what they were, as base64 of a JSON list of texts. It keeps no state: how far a conversation is, it sees from the results in it. A request
without tools or script (titles, summaries) gets a word of text.

Spoken are the Messages API (Anthropic), the Responses API (OpenAI) and generateContent (Google), as streams of server-sent events or not.
"""

import base64
import json
import re

SHELL_TOOLS = ("Bash", "bash", "exec_command", "shell_command", "shell", "run_shell_command")


def done(request, results):
    said = f"script: done after {len(results)} results"
    if b"report:results" in request.body:
        said += "\nreport: " + base64.b64encode(json.dumps(results).encode()).decode()
    return said


def text_of(result):
    return result if isinstance(result, str) else json.dumps(result)


def script_in(body):
    found = re.search(rb"script:([A-Za-z0-9+/=]{4,})", body)
    return json.loads(base64.b64decode(found.group(1))) if found else []


def next_call(request, names, results):
    """(tool, arguments) or None: what the model wants now, given the names of the agent's tools and the number of results so far."""
    script = script_in(request.body)
    tool = next((name for name in SHELL_TOOLS if name in names), None)
    if not tool or results >= len(script):
        return None
    command = script[results]
    if isinstance(command, dict):
        return command["tool"], command["input"]
    arguments = {"command": command, "description": "a step of the script"}
    if tool == "exec_command":
        arguments = {"cmd": command, "yield_time_ms": 30000}
    elif tool == "shell":
        arguments = {"command": ["bash", "-c", command]}
    elif tool == "shell_command":
        arguments = {"command": command}
    return tool, arguments


def events(pairs, named=True):
    """Server-sent events."""
    for name, data in pairs:
        yield ((f"event: {name}\n" if named else "") + f"data: {json.dumps(data)}\n\n").encode()


def stream(pairs, named=True):
    return 200, "text/event-stream", events(pairs, named)


def plain(value, status=200):
    return status, "application/json", [json.dumps(value).encode()]


# --- api.anthropic.com -----------------------------------------------------------------------------------------------

def blocks(messages, kind):
    return [block for message in messages if isinstance(message.get("content"), list)
            for block in message["content"] if block.get("type") == kind]


def messages_api(request):
    if request.method != "POST" or not request.path.startswith("/v1/messages"):
        return plain({"type": "error", "error": {"type": "not_found_error", "message": "no such thing"}}, 404)
    asked = json.loads(request.body)
    if "count_tokens" in request.path:
        return plain({"input_tokens": 10})
    names = [tool.get("name") for tool in asked.get("tools", [])]
    told = [text_of(block.get("content")) for block in blocks(asked["messages"], "tool_result")]
    results = len(told)
    call = next_call(request, names, results)
    said = done(request, told)
    usage = {"input_tokens": 10, "output_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    reason = "tool_use" if call else "end_turn"
    block = {"type": "tool_use", "id": f"toolu_{results:04}", "name": call[0], "input": call[1]} if call else {"type": "text", "text": said}
    message = {"id": f"msg_{results:04}", "type": "message", "role": "assistant", "model": asked.get("model"), "content": [block],
               "stop_reason": reason, "stop_sequence": None, "usage": usage}
    if not asked.get("stream"):
        return plain(message)
    empty = {**block, "input": {}} if call else {**block, "text": ""}
    delta = {"type": "input_json_delta", "partial_json": json.dumps(call[1])} if call else {"type": "text_delta", "text": said}
    return stream((item["type"], item) for item in (
        {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"}))


# --- api.openai.com --------------------------------------------------------------------------------------------------

def responses_api(request):
    if request.path.endswith("/responses") and request.method == "GET":  # a web socket is asked for
        return plain({"error": {"message": "no web sockets here", "type": "invalid_request_error"}}, 426)
    if request.method != "POST" or not request.path.endswith("/responses"):
        return plain({"error": {"message": "no such thing", "type": "invalid_request_error"}}, 404)
    asked = json.loads(request.body)
    items = asked.get("input") if isinstance(asked.get("input"), list) else []
    names = [tool.get("name") for tool in asked.get("tools", [])]
    told = [text_of(item.get("output")) for item in items if item.get("type") in ("function_call_output", "custom_tool_call_output")]
    results = len(told)
    call = next_call(request, names, results)
    if call:
        item = {"type": "function_call", "id": f"fc_{results:04}", "call_id": f"call_{results:04}", "name": call[0],
                "arguments": json.dumps(call[1]), "status": "completed"}
    else:
        item = {"type": "message", "id": f"msg_{results:04}", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": done(request, told), "annotations": []}]}
    usage = {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 10,
             "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 20}
    response = {"id": f"resp_{results:04}", "object": "response", "model": asked.get("model"), "status": "completed", "output": [item],
                "usage": usage}
    return stream((item["type"], item) for item in (
        {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response}))


# --- chatgpt.com -----------------------------------------------------------------------------------------------------

def chatgpt(request):
    """With an account: the same API, once it is told where the account is served."""
    path = request.path.split("?")[0]
    if path.endswith("/responses"):
        return responses_api(request)
    if path.endswith("/accounts/check"):
        free = "NO_CONSTRAINT"
        entry = {"id": "lab", "name": "lab", "structure": "personal", "plan_type": "pro", "workspace_backend_origin": free, "account_routing_override": free}
        return plain({"accounts": [entry], "default_account_id": "lab", "account_ordering": ["lab"]})
    return plain({"models": []} if path.endswith("/models") else {})


# --- generativelanguage.googleapis.com -------------------------------------------------------------------------------

def generate_content(request):
    if request.method != "POST" or "enerateContent" not in request.path:
        return plain({"error": {"code": 404, "message": "no such thing", "status": "NOT_FOUND"}}, 404)
    asked = json.loads(request.body)
    names = [function.get("name") for tool in asked.get("tools", []) for function in tool.get("functionDeclarations", [])]
    told = [text_of(part["functionResponse"].get("response")) for content in asked.get("contents", [])
            for part in content.get("parts", []) if "functionResponse" in part]
    call = next_call(request, names, len(told))
    part = {"functionCall": {"name": call[0], "args": call[1]}} if call else {"text": done(request, told)}
    answer = {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
              "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 10, "totalTokenCount": 20}}
    if "streamGenerateContent" in request.path:
        return stream([("", answer)], named=False)
    return plain(answer)


# --- models.opencode.ai ----------------------------------------------------------------------------------------------

def model_list(_):
    """What there is to choose from."""
    model = {"id": "claude-lab", "name": "lab", "attachment": False, "reasoning": False, "temperature": True, "tool_call": True,
             "release_date": "2026-01-01", "last_updated": "2026-01-01", "modalities": {"input": ["text"], "output": ["text"]},
             "open_weights": False, "cost": {"input": 0, "output": 0}, "limit": {"context": 200000, "output": 8000}}
    return plain({"anthropic": {"id": "anthropic", "name": "Anthropic", "env": ["ANTHROPIC_API_KEY"], "npm": "@ai-sdk/anthropic",
                                "models": {"claude-lab": model}}})


SITES = {
    "api.anthropic.com": messages_api,
    "api.openai.com": responses_api,
    "chatgpt.com": chatgpt,
    "generativelanguage.googleapis.com": generate_content,
    "models.opencode.ai": model_list,
}
