"""The answers: computed by asking the server, at the moment of the run. None is written down anywhere.

`python oracle.py [--url URL]` prints all answers for one ComfyUI; without an address it starts a simulated one.
"""

import argparse
import json
import sys

from server import Failed, Server, Sim

TINY = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "evals"}},
}
ANSWERS = {}


def answer(name):
    def keep(function):
        ANSWERS[name] = function
        return function

    return keep


def template(server, name, **params):
    """The graph of a template; the tool may put it into a field of its answer."""
    made = server.call("comfyui_create_workflow", template=name, params=json.dumps(params) if params else "")
    return made["workflow"] if "workflow" in made else made


def node(workflow, class_type):
    return next(entry for entry in workflow.values() if entry.get("class_type") == class_type)


def schema(server, tool):
    return next(entry for entry in server.request("tools/list", {})["tools"] if entry["name"] == tool)["inputSchema"]


def inputs(server, class_type):
    spec = server.call("comfyui_get_node_info", node_class=class_type)["input"]
    return {**spec.get("required", {}), **spec.get("optional", {})}


def picture(server, **arguments):
    return server.finished("comfyui_generate_image", prompt="a lamp", width=64, height=64, steps=1, **arguments)


# ---- models ----------------------------------------------------------------------------------------------------------
answer("checkpoints-count")(lambda s: len(s.everything("comfyui_list_models", folder="checkpoints")))
answer("checkpoints-first")(lambda s: sorted(s.everything("comfyui_list_models", folder="checkpoints"))[0])
answer("loras-list")(lambda s: s.everything("comfyui_list_models", folder="loras"))
answer("vae-count")(lambda s: len(s.everything("comfyui_list_models", folder="vae")))
answer("upscalers-list")(lambda s: s.everything("comfyui_list_models", folder="upscale_models"))
answer("folders-count")(lambda s: len(s.everything("comfyui_list_model_folders")))
answer("checkpoint-missing")(
    lambda s: "v1-5-pruned.ckpt" not in s.everything("comfyui_list_models", folder="checkpoints"))


@answer("most-files")
def _(s):
    folders = ("checkpoints", "loras", "vae", "text_encoders", "upscale_models")
    return max(folders, key=lambda folder: len(s.everything("comfyui_list_models", folder=folder)))


# ---- nodes -----------------------------------------------------------------------------------------------------------
answer("classes-count")(lambda s: s.call("comfyui_list_nodes", limit=1)["total"])
answer("ksampler-category")(lambda s: s.call("comfyui_get_node_info", node_class="KSampler")["category"])
answer("ksampler-default-steps")(lambda s: inputs(s, "KSampler")["steps"][1]["default"])
answer("latent-step")(lambda s: inputs(s, "EmptyLatentImage")["width"][1]["step"])
answer("save-is-output")(lambda s: s.call("comfyui_get_node_info", node_class="SaveImage")["output_node"])
answer("loader-choices")(lambda s: choices(inputs(s, "CheckpointLoaderSimple")["ckpt_name"]))
answer("class-near")(lambda s: "KSampler" in s.refusal("comfyui_get_node_info", node_class="KSamplr")["hint"])


def choices(spec):
    return spec[0] if isinstance(spec[0], list) else spec[1]["options"]


# ---- templates -------------------------------------------------------------------------------------------------------
answer("txt2img-nodes")(lambda s: len(template(s, "txt2img")))
answer("txt2img-width")(lambda s: node(template(s, "txt2img", width=640), "EmptyLatentImage")["inputs"]["width"])
answer("txt2img-checkpoint")(lambda s: node(template(s, "txt2img"), "CheckpointLoaderSimple")["inputs"]["ckpt_name"])
answer("img2img-denoise")(lambda s: node(template(s, "img2img", image="a.png"), "KSampler")["inputs"]["denoise"])
answer("template-unknown")(lambda s: s.refusal("comfyui_create_workflow", template="txt2sculpture")["kind"])
answer("sdxl-steps")(lambda s: node(template(s, "sdxl_txt2img"), "KSampler")["inputs"]["steps"])


# ---- presets ---------------------------------------------------------------------------------------------------------
def preset(s, **arguments):
    return s.call("comfyui_get_model_presets", **arguments)


answer("sdxl-cfg")(lambda s: preset(s, model_family="sdxl")["recommended"]["cfg"])
answer("flux-sampler")(lambda s: preset(s, model_family="flux")["recommended"]["sampler"])
answer("family-of-file")(lambda s: preset(s, model_name="sd_xl_base_1.0.safetensors")["family"])

@answer("family-of-installed")
def _(s):
    first = sorted(s.everything("comfyui_list_models", folder="checkpoints"))[0]
    try:
        return preset(s, model_name=first)["family"]
    except Failed:
        return "unknown"


# ---- validation, summary ---------------------------------------------------------------------------------------------
def valid(s, workflow):
    return s.call("comfyui_validate_workflow", workflow=workflow)


def changed(place, name, value):
    copy = json.loads(json.dumps(TINY))
    copy[place]["inputs"][name] = value
    return copy


answer("tiny-valid")(lambda s: valid(s, TINY)["valid"])
answer("range-valid")(lambda s: valid(s, changed("1", "width", 100000))["valid"])
answer("dangling-valid")(lambda s: valid(s, changed("2", "images", ["9", 0]))["valid"])
answer("no-output-kind")(lambda s: valid(s, {"1": TINY["1"]})["problems"][0]["kind"])
answer("tiny-nodes")(lambda s: s.call("comfyui_analyze_workflow", workflow=TINY)["node_count"])
answer("txt2img-pipeline")(lambda s: s.call("comfyui_analyze_workflow", workflow=template(s, "txt2img"))["pipeline"])
answer("txt2img-models")(
    lambda s: [model["name"] for model in s.call("comfyui_analyze_workflow", workflow=template(s, "txt2img"))["models"]])
answer("diff-changed")(lambda s: s.call("comfyui_diff_workflows", before=TINY, after=changed("1", "width", 128)) != s.call(
    "comfyui_diff_workflows", before=TINY, after=TINY))

# ---- conversion ------------------------------------------------------------------------------------------------------
answer("convert-found")(lambda s: s.call("comfyui_convert_workflow", workflow=TINY, to="ui")["format_found"])
answer("convert-nodes")(lambda s: len(s.call("comfyui_convert_workflow", workflow=TINY, to="ui")["workflow"]["nodes"]))


@answer("convert-there-and-back")
def _(s):
    there = s.call("comfyui_convert_workflow", workflow=TINY, to="ui")["workflow"]
    back = s.call("comfyui_convert_workflow", workflow=there, to="api")["workflow"]
    return sorted(entry["class_type"] for entry in back.values()) == sorted(entry["class_type"] for entry in TINY.values())


# ---- policy ----------------------------------------------------------------------------------------------------------
DANGEROUS = {**TINY, "3": {"class_type": "Terminal", "inputs": {}}}
HUGE = {**TINY, "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 4096, "color": 255}}}


@answer("dangerous-class")
def _(s):
    warnings = s.call("comfyui_validate_workflow", workflow=DANGEROUS)["warnings"]
    return next(warning.split(": ")[1] for warning in warnings if warning.startswith("Dangerous node type"))


answer("huge-refused")(lambda s: s.refusal("comfyui_run_workflow", workflow=HUGE)["kind"])
answer("huge-flag")(lambda s: s.refusal("comfyui_run_workflow", workflow=HUGE)["findings"][0]["flag"])
answer("traversal-refused")(lambda s: s.refusal("comfyui_get_image", filename="../secret.png")["kind"])
answer("width-limit")(lambda s: schema(s, "comfyui_generate_image")["properties"]["width"]["maximum"])
answer("batch-limit")(lambda s: schema(s, "comfyui_generate_image")["properties"]["batch_size"]["maximum"])
answer("unknown-argument")(lambda s: s.refusal("comfyui_generate_image", prompt="x", wdith=64)["kind"])

# ---- live: generation, state, recovery, outputs, queue ----------------------------------------------------------------
answer("live-default-model")(lambda s: picture(s)["model"])
answer("live-seed-kept")(lambda s: picture(s, seed=4711)["seed"])
answer("live-two-seeds")(lambda s: picture(s)["seed"] != picture(s)["seed"])
answer("live-outputs-of-batch")(lambda s: len(picture(s, batch_size=3)["outputs"]))
answer("live-node-of-output")(
    lambda s: s.finished("comfyui_run_workflow", workflow=changed("2", "filename_prefix", "evals_node"))["outputs"][0]["node_id"])
answer("live-status")(lambda s: s.finished("comfyui_run_workflow", workflow=changed("1", "color", 7))["status"])
answer("live-progress-after")(
    lambda s: s.call("comfyui_get_progress", prompt_id=picture(s)["prompt_id"])["status"])
answer("live-unknown-job")(
    lambda s: s.call("comfyui_get_progress", prompt_id="00000000-0000-4000-8000-000000000000")["status"])
answer("live-missing-model")(lambda s: s.refusal("comfyui_generate_image", prompt="x", model="nowhere.safetensors")["kind"])
answer("live-size-of-picture")(lambda s: size(s, s.finished("comfyui_run_workflow", workflow=changed("1", "width", 192))["outputs"][0]))
answer("live-nodes-in-picture")(lambda s: nodes_in(s, picture(s)["outputs"][0]))
answer("live-repair")(lambda s: s.finished("comfyui_run_workflow", workflow=repaired(s))["status"])
answer("live-cancel-finished")(lambda s: s.call("comfyui_cancel_job", prompt_id=picture(s)["prompt_id"])["state"])


def size(s, output):
    place = {key: output[key] for key in ("filename", "subfolder", "type")}
    shown = s.call("comfyui_get_image", **place)
    return shown["width"]


def nodes_in(s, output):
    place = {key: output[key] for key in ("filename", "subfolder", "type")}
    graph = s.call("comfyui_get_workflow_from_image", **place)["prompt"]
    return len(graph)


def repaired(s):
    broken = changed("2", "images", ["9", 0])
    operation = [{"op": "connect", "from_node": "1", "from_output": 0, "to_node": "2", "to_input": "images"}]
    made = s.call("comfyui_modify_workflow", workflow=broken, operations=operation)
    return made["workflow"] if "workflow" in made else made


# A real server may lack what a question is about, such as a model of that family.
LACKING = (Failed, IndexError, KeyError, StopIteration)


def all_answers(server):
    """Every answer; what this server cannot answer is told and left out."""
    found = {}
    for name, ask in ANSWERS.items():
        try:
            found[name] = ask(server)
        except LACKING as error:
            print(f"left out: {name}: {error!r}", file=sys.stderr)
    return found


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--url", help="address of ComfyUI; a simulated one when absent")
    options.add_argument("--models", action="append", default=[], help="FOLDER=NAMES for the simulated one")
    given = options.parse_args()
    if given.url:
        with Server(given.url) as server:
            print(json.dumps(all_answers(server), indent=2))
        return
    with Sim(given.models) as sim, Server(sim.url) as server:
        print(json.dumps(all_answers(server), indent=2))


if __name__ == "__main__":
    main()
