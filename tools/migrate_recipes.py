"""Bring manifests that describe a recipe by flat settings to recipes made of parts.

``python tools/migrate_recipes.py`` rewrites what it finds in ``alexnet_course/recorded``; records
already in parts are left alone. A manifest keeps its tables, and all it says but for the config;
``config_digest_at_commit`` keeps the digest that the code at its commit has for it. Nothing is
written unless the old config follows from the new one, and its digest is the one recorded.
"""

import json
import sys
from pathlib import Path
from typing import Any

from alexnet_course.checkpoints import write_atomically
from alexnet_course.config import digest
from alexnet_course.provenance import RECORDED, sealed

KEPT = ("type", "name", "epochs", "batch_size", "label_smoothing", "first_weights")
OPTIMISER = ("momentum", "nesterov", "weight_decay", "weight_decays", "bias_rate", "bias_decay")
SCALINGS = {"per-channel": "PerChannel", "centred": "Centred", "minus-one-to-one": "MinusOneToOne"}
SCHEDULES = {"one-cycle": ("OneCycle", "warmup"), "plateau": ("Plateau", "patience")}


def in_parts(old: dict[str, Any]) -> dict[str, Any]:
    """The config of a recipe made of parts that does what the flat ``old`` one says."""
    kind = "Adam" if old.get("optimiser") == "adam" else "SGD"
    new = {key: old[key] for key in KEPT if key in old}
    new["optimiser"] = {"type": kind, "learning_rate": old["learning_rate"]}
    new["optimiser"] |= {key: old[key] for key in OPTIMISER if key in old}
    if "schedule" in old:
        name, setting = SCHEDULES[old["schedule"]]
        new["schedule"] = {"type": name} | {key: old[key] for key in (setting,) if key in old}

    crop, resize = old.get("crop"), old.get("resize")
    preparation = [{"type": "CentreCrop", "side": crop}] if crop else []
    preparation.append({"type": SCALINGS[old.get("scaling", "minus-one-to-one")]})
    preparation += [{"type": "Resize", "size": resize}] if resize else []
    if preparation != [{"type": "MinusOneToOne"}]:
        new["preparation"] = preparation

    shared = {"shared": old["shared_draws"]} if "shared_draws" in old else {}
    augmentation = [
        *([{"type": "Flip"} | shared] if old.get("flip") else []),
        *([{"type": "VerticalFlip"} | shared] if old.get("vertical_flip") else []),
        *([{"type": "Shift", "pixels": old["shift"]} | shared] if old.get("shift") else []),
        *([{"type": "Crop", "side": crop} | shared] if crop and old.get("random_crop", 1) else []),
        *([{"type": "Colour", "deviation": old["colour"]}] if old.get("colour") else []),
    ]
    return new | ({"augmentation": augmentation} if augmentation else {})


def flat(new: dict[str, Any]) -> dict[str, Any]:
    """The flat config that :func:`in_parts` makes ``new`` of."""
    old = {key: new[key] for key in KEPT if key in new}
    optimiser = dict(new["optimiser"])
    old |= {"optimiser": "adam"} if optimiser.pop("type") == "Adam" else {}
    old |= optimiser
    if "schedule" in new:
        schedule = dict(new["schedule"])
        kind = schedule.pop("type")
        old["schedule"] = next(word for word, (name, _) in SCHEDULES.items() if name == kind)
        old |= schedule
    words = {kind: word for word, kind in SCALINGS.items()}
    cut = False
    for part in new.get("preparation", []):
        if part["type"] == "CentreCrop":
            old["crop"], cut = part["side"], True
        elif part["type"] == "Resize":
            old["resize"] = part["size"]
        elif part["type"] != "MinusOneToOne":
            old["scaling"] = words[part["type"]]
    augmentation = {part["type"]: part for part in new.get("augmentation", [])}
    old |= {"flip": True} if "Flip" in augmentation else {}
    old |= {"vertical_flip": True} if "VerticalFlip" in augmentation else {}
    old |= {"shift": augmentation["Shift"]["pixels"]} if "Shift" in augmentation else {}
    old |= {"colour": augmentation["Colour"]["deviation"]} if "Colour" in augmentation else {}
    old |= {"random_crop": False} if cut and "Crop" not in augmentation else {}
    shared = {part["shared"] for part in augmentation.values() if "shared" in part}
    return old | ({"shared_draws": shared.pop()} if shared else {})


def migrate(path: Path) -> bool:
    """Rewrite the manifest at ``path``, if it is a flat one; tells whether it was."""
    manifest = json.loads(path.read_text())
    old = manifest.get("config")
    if old is None or "learning_rate" not in old["recipe"]:
        return False
    new = old | {"recipe": in_parts(old["recipe"])}
    if digest(old) != manifest["config_digest"] or flat(new["recipe"]) != old["recipe"]:
        raise ValueError(f"{path}: the old config does not follow from the new one")
    content = {}
    for key, value in manifest.items():
        if key != "record_digest":
            content[key] = {"config": new, "config_digest": digest(new)}.get(key, value)
        if key == "config_digest":
            content["config_digest_at_commit"] = value
    text = json.dumps(sealed(content), indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))
    return True


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDED
    print(sum(map(migrate, sorted(folder.glob("*/*.json")))), "manifests brought to parts")
