"""Examples at a size that trains in a second or two: smaller inputs and constants, generated data, settings of the test's own."""
import os
import re

# The input where it is not 64x64x3. Small inputs keep a step short; a network must still have pixels left after its last pool.
INPUTS = {"inception_v3": "107x107x3", "alexnet": "67x67x3", "vgg16": "32x32x3", "vgg19": "32x32x3", "lenet": "28x28x1", "simple_cnn": "50x50x3",
          "fashion": "28x28x1", "autoencoder": "28x28x1", "airbench94": "32x32x3", "wideresnet28_10": "32x32x3", "vit_b16": "32x32x3"}

# Constants of `let`.
LETS = {"gpt2": {"L": 2, "H": 2, "C": 32, "V": 300, "T": 16}, "bert_base": {"L": 2, "H": 2, "C": 32, "V": 300, "T": 16},
        "llama_125m": {"L": 2, "H": 4, "KV": 2, "C": 32, "F": 48, "V": 300, "T": 16}, "vit_b16": {"C": 32, "H": 2}, "wideresnet28_10": {"k": 2, "n": 2}}


def reduced(source, name, train, **inputs):
    """The text of examples/name at its small size, with `train { TRAIN }`. inputs: other inputs than INPUTS, `default` among them."""
    with open(os.path.join(source, "examples", name, name + ".net")) as file: text = file.read()
    size = inputs.get(name) or INPUTS.get(name) or inputs.get("default", "64x64x3")
    text = re.sub(r"input \d+x\d+x\d+", "input " + size, text)
    text = re.sub(r'(input [^\n;]*?) from \w+( "[^"]*")?( \{[^}]*\})?', r"\1", text)
    for constant, value in LETS.get(name, {}).items(): text = re.sub(rf"(?m)^(let\b.*\b{constant}=)\d+", rf"\g<1>{value}", text)
    return re.sub(r"(?m)^train \{.*\}$", "", text) + f"\ntrain {{ {train} }}\n"
