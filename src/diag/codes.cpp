#include "diag/codes.h"

#include <algorithm>
#include <cctype>

namespace netc {
namespace {

constexpr CodeInfo kCodes[] = {
    // ---- Form -------------------------------------------------------------------------------------
    {"N0101", "something else was expected here",
     "The statement does not have the form of any statement. netc goes on behind it, so that one run reports every mistake. A statement ends with a "
     "newline or `;`; only a `{` may continue it on the next line.",
     "x = 5          # wrong\nlet x=5        # right"},
    {"N0102", "a character that means nothing",
     "Outside strings and comments a file is made of ASCII letters, digits and the signs of the language. Branches and blocks are written in braces.",
     "add [relu] []  # wrong\nadd {relu} {}  # right"},
    {"N0103", "a string without an end", "A string begins and ends with `\"` on one line; `\\\"` stands for a quote inside it.",
     "use \"blocks.net    # wrong\nuse \"blocks.net\"   # right"},
    {"N0104", "a control or invisible character",
     "Characters that cannot be seen, or that reorder what is seen, could make a file read otherwise than it runs. They may stand only in strings "
     "and comments.",
     ""},
    {"N0105", "the file is not UTF-8", "netc reads UTF-8. The message names the first byte that is not.", ""},
    {"N0106", "the file is empty", "There is no statement in it: nothing, or only comments.", "input 28x28x1\nfc 10\nloss softmax"},
    {"N0107", "braces that do not match",
     "A `{` is never closed, or a `}` closes nothing. What belongs to what is then a guess, so nothing further is checked.",
     "def res c { conv c 3x3 pad; relu     # wrong\ndef res c { conv c 3x3 pad; relu }   # right"},
    {"N0108", "an expression that cannot be read as it is meant",
     "A comparison has two sides, and `not` denies a whole condition, so neither is a part of a sum or of another comparison.",
     "if 1 < s < 3 { relu }            # wrong\nif 1 < s and s < 3 { relu }      # right"},
    {"N0109", "a statement at the wrong place",
     "`net`, `use`, `def`, `input`, `loss`, `init`, `seed` and `train` stand at the top level of a file, not in braces, and `net` stands once.",
     "3 * { input 8x8x1 }   # wrong"},
    // ---- Names and arguments ----------------------------------------------------------------------
    {"N0201", "an unknown layer",
     "The statement's first word is no layer, no `def` and no label. `netc --op NAME` explains a layer; docs/ops.md lists them.",
     "cnov 32 3x3   # wrong\nconv 32 3x3   # right"},
    {"N0202", "an undefined name", "An expression uses a name that no `let`, parameter or loop defines before it.",
     "fc n           # wrong\nlet n=10; fc n # right"},
    {"N0203", "an unknown word", "The layer, setting or def has no word or parameter of that name.",
     "conv 32 3x3 padd   # wrong\nconv 32 3x3 pad    # right"},
    {"N0204", "a missing argument", "The help line shows how the statement is written; what stands in brackets may be left out.",
     "conv 32       # wrong\nconv 32 3x3   # right"},
    {"N0205", "an argument too many, or of the wrong form", "The help line shows how the statement is written.",
     "relu 3x3      # wrong\nrelu          # right"},
    {"N0206", "a name that is defined twice",
     "A constant, parameter, label or def has one meaning. In an inner block a `let` may hide an outer name.", "let c=8 c=16   # wrong"},
    {"N0207", "a def that calls itself",
     "A network is finite, so a def may not lead back to itself, not even by way of others. Repeat a block with `n * block`.",
     "def a { relu; a }   # wrong\n3 * relu            # right"},
    {"N0208", "a number of the wrong kind", "Sizes, counts and both sides of `%` are whole numbers.", "fc 10.5   # wrong\nfc 10     # right"},
    {"N0209", "an argument that is given twice", "Each argument is given once, by its place or by its name.", "bn eps 1e-3 eps 1e-5   # wrong"},
    {"N0210", "a name that belongs to the language",
     "A def or label with the name of a layer, or a label with that of a def, would change what other statements mean.",
     "def conv { relu }   # wrong"},
    {"N0211", "`none` at the wrong place",
     "`none` stands alone in a branch of add, concat or mul and says that the branch is absent. The current tensor itself is `{}`.",
     "add { conv 8 3x3 pad } { relu; none }   # wrong\nadd { conv 8 3x3 pad } { relu }         # right"},
    {"N0212", "a row of a stage table with the wrong number of values", "Every row of `for` gives each of its names one value.",
     "for c n in (64 2) (128) { ... }     # wrong\nfor c n in (64 2) (128 2) { ... }   # right"},
    {"N0213", "the wrong number of branches",
     "add, concat and mul take two or more branches, of which one at least is there; other layers take none.",
     "add { conv 8 3x3 pad }      # wrong\nadd { conv 8 3x3 pad } {}   # right"},
    {"N0215", "a size that the current tensor does not have",
     "An image has in.h, in.w and in.c; a sequence in.t and in.c. Only where there is a current tensor, that is behind `input`, has it sizes.",
     "let n=in.c; input 8x8x3   # wrong\ninput 8x8x3; let n=in.c   # right"},
    {"N0216", "a negative number of repeats", "A block is repeated 0 times (then it is left out) or more.", "let n=0; (n-1) * relu   # wrong"},
    {"N0217", "a division by zero", "The right side of `/` or `%` is zero.", "fc 10/0   # wrong"},
    // ---- Shapes -----------------------------------------------------------------------------------
    {"N0301", "branches whose shapes do not fit together",
     "add wants equal shapes, concat equal shapes but for the channels, and mul equal shapes or 1x1xC on one side. Every branch starts from the "
     "current tensor.",
     "add { conv 256 1x1 } {}                   # wrong where the input has 64 channels\nadd { conv 256 1x1 } { conv 256 1x1 }     # right"},
    {"N0302", "a kernel larger than its input", "Even with its padding the input is smaller than the window, so there is no output.",
     "input 4x4x1; conv 8 5x5       # wrong\ninput 4x4x1; conv 8 5x5 pad   # right"},
    {"N0303", "`pad` with an even kernel",
     "Bare `pad` is (kernel - 1)/2 on every side, which keeps the size of an odd kernel's output. An even kernel has no middle: give the padding as "
     "a number, or use "
     "`same`, which puts the odd row at the bottom and right.",
     "conv 32 4x4 pad     # wrong\nconv 32 4x4 pad=1   # right\nconv 32 4x4 same    # right"},
    {"N0304", "input channels that groups or heads do not divide",
     "Each group, or head of attention, sees an equal share of the input's channels; each head of keys and values serves an equal share of the heads "
     "of queries.",
     "input 8x8x3; conv 8 3x3 groups 2   # wrong\ninput 16x64; attn 5                 # wrong"},
    {"N0305", "filters that groups do not divide", "Each group makes an equal share of the filters.", "input 8x8x4; conv 7 3x3 groups 2   # wrong"},
    {"N0306", "a division that leaves a remainder", "Sizes are whole numbers. netc does not round for you: write what you mean.",
     "input 8x8x3; conv in.c/2 1x1       # wrong\ninput 8x8x3; conv (in.c+1)/2 1x1   # right"},
    {"N0307", "an input of the wrong form", "The layer works on images H x W x C, but the current tensor has been flattened or is a sequence.",
     "fc 10; conv 8 3x3   # wrong"},
    {"N0308", "a crop, pad, slice or shuffle that does not fit",
     "A crop is not larger than its input, a pad not smaller, a slice lies inside the channels, and a shuffle's groups divide them.",
     "input 8x8x4; slice 0..5   # wrong"},
    {"N0309", "a size that is too large", "A side is beyond 31 bits, or the bytes of a tensor beyond 63. The layer is named.",
     "fc 3000000000   # wrong"},
    {"N0310", "an argument out of its range", "The message says what the argument must be.", "drop 1.5   # wrong\ndrop 0.5   # right"},
    {"N0311", "a tied weight that does not fit", "`tie LABEL` shares the first weight of the labelled layer, so both must have the same shape: an `embed V C` and "
     "an `fc V` on C channels have.", "emb: embed 100 8; fc 50 tie emb    # wrong\nemb: embed 100 8; fc 100 tie emb   # right"},
    // ---- Input, loss and training -----------------------------------------------------------------
    {"N0401", "no input, or a second one", "A network begins with one `input`, before its first layer.", "input 28x28x1; fc 10; loss softmax"},
    {"N0402", "an input without a proper shape",
     "Write `input 50x50x3` (height x width x channels), `input 784` (a flat vector), `input 100x32` (a sequence), or `input 1024 tokens 50257`.",
     "input 28 28 1    # wrong\ninput 28x28x1    # right"},
    {"N0403", "an unknown reader or augmentation",
     "Readers: idx, cifar10, folder, npy, shapes; of tokens: tokens, bytes, arithmetic, npy. Augmentations, of pictures only: crop, flip, normalize, "
     "resize, cutout.",
     "input 32x32x3 from cifar \"data\"            # wrong\ninput 32x32x3 from cifar10 \"data\" { flip }  # right"},
    {"N0404", "an activation that the loss applies itself",
     "`loss softmax` applies softmax and `loss bce` the sigmoid, together with their gradients. Twice would train, but badly.",
     "fc 10; softmax; loss softmax   # wrong\nfc 10; loss softmax            # right"},
    {"N0405", "a layer behind the loss", "`loss` ends the network.", "loss softmax; fc 10   # wrong"},
    {"N0406", "no loss", "Training needs a `loss` at the end of the network. The estimate for inference does not.", "fc 10; loss softmax"},
    {"N0407", "a setting out of its range", "The message says what it must be.",
     "train { sgd 0.1 momentum 1.5 }   # wrong\ntrain { sgd 0.1 momentum 0.9 }   # right"},
    {"N0408", "an unknown setting",
     "`train` knows sgd, adam, adamw, rmsprop; decay, clip; batch; constant, step, cosine, linear; epochs, steps; fp32, tf32, bf16, fp16; recompute, "
     "validate, stop.",
     "train { sdg 0.1 }   # wrong\ntrain { sgd 0.1 }   # right"},
    {"N0409", "--set of a name that the file does not define",
     "`--set NAME=VALUE` overrides a `let NAME=...` at the top level of the file or of a file it uses.", "let C=768        # --set C=1024"},
    {"N0410", "an unknown loss, or a second one", "A network ends with one of `loss softmax`, `loss bce` and `loss mse`.",
     "loss sofmax   # wrong\nloss softmax  # right"},
    {"N0411", "no single initialiser",
     "`init he`, `init xavier` or `init normal 0.02` sets the default for the weights from there on; behind the last layer, for all that have none.",
     "init he xavier   # wrong\ninit he          # right"},
    {"N0412", "`recompute` of something that is no label", "It takes labels of the top level, or `auto`.",
     "a: conv 8 3x3; train { sgd 0.1; recompute b }   # wrong"},
    {"N0413", "a setting that is given twice", "There is one optimiser, one batch, one schedule, one length (`epochs` or `steps`), and so on.",
     "train { sgd 0.1; epochs 5; steps 100 }   # wrong"},
    {"N0414", "a reader that does not suit the input",
     "idx, cifar10, folder and shapes give numbers, tokens, bytes and arithmetic give token ids, npy gives either.",
     "input 32x32x3 from bytes \"book.txt\"      # wrong\ninput 64 tokens 256 from bytes \"book.txt\"  # right"},
    // ---- Limits -----------------------------------------------------------------------------------
    {"N0501", "too deep a nesting", "Braces, parentheses, calls of defs and files that use files may be nested 256 deep.", ""},
    {"N0502", "a number that is too large", "Whole numbers and what is computed from them fit in 63 bits, arguments in 2^53.",
     "fc 99999999999999999999   # wrong"},
    {"N0503", "too large an expansion", "A network expands to at most 1,000,000 layers, and to ten times as many statements.",
     "1000000000 * relu   # wrong"},
    {"N0504", "too large a file", "A file has at most 16 MiB. Write repeats as `n * block`, or split it with `use`.", ""},
    {"N0505", "too long a file", "A file has at most 2,500,000 words, numbers and signs. Write repeats as `n * block`, or split it with `use`.", ""},
    // ---- Files ------------------------------------------------------------------------------------
    {"N0601", "a file that cannot be read",
     "It does not exist, may not be read, or is no file. A path in `use` is relative to the file it stands in.", "use \"missing.net\"   # wrong"},
    {"N0602", "files that use each other in a circle", "Put what both need into a third file.", "use \"a.net\"   # in a.net itself"},
    // ---- Warnings ---------------------------------------------------------------------------------
    {"N0701", "an input that looks as if its channels came first",
     "Shapes are height x width x channels. `input 3x224x224` is legal: an image of 3 x 224 pixels with 224 channels.",
     "input 3x224x224   # draws the warning\ninput 224x224x3   # what was probably meant"},
    {"N0702", "a label that is never used", "Nothing brings back the value, so the label can go.", "a: relu"},
    {"N0703", "a def that is never called", "Its body is not checked either, because what it means depends on where it is called.",
     "def res { relu }"},
    {"N0704", "a layer whose output nothing reads", "The layer takes memory and time and changes nothing.",
     "a: relu; conv 8 3x3; a; loss mse   # the conv is lost"},
    // ---- Notes ------------------------------------------------------------------------------------
    {"N0801", "rows or columns that no window reaches",
     "The stride does not divide what is left, and a pool rounds down, as everywhere. `ceil` keeps them in smaller windows at the edge.",
     "input 5x5x1; pool 2x2/2   # 5 = 2 + 2 + 1"},
    {"N0802", "biases that were left out",
     "bn subtracts the mean, so a bias right before it changes nothing; nobody writes one. `bias` insists on it, `nobias` says so silently.",
     "conv 64 3x3 pad; bn"},
    {"N0803", "the batch was assumed", "Activations take memory for each sample, so the estimate depends on it.", "train { batch 64 }"},
    {"N0804", "the length of the training was assumed", "One pass over the data.", "train { epochs 10 }"},
    {"N0805", "the optimiser was assumed", "Plain sgd keeps no state; adam keeps two values for each parameter, which the estimate counts.",
     "train { adamw 1e-3 }"},
    {"N0806", "a precision that is not there yet", "tf32, bf16 and fp16 are words of the language; this version computes and plans in float32.", "train { fp32 }"},
    {"N0807", "`recompute auto` without `--fit`", "`recompute auto` leaves it to `--fit SIZE` what is made again in the backward pass; without it all is kept.",
     "train { recompute auto }"},
    {"N0808", "the data were assumed", "Without `from` a network trains on `shapes`: ten classes of generated pictures of any size, or their masks. Where its input is token ids it "
     "trains on `arithmetic`, generated lines such as (3+4)*2=14.",
     "input 28x28x1 from idx \"mnist\""},
};

}  // namespace

std::span<const CodeInfo> all_codes() { return kCodes; }

std::string explain_code(std::string_view code) {
  std::string wanted;
  for (const char c : code) wanted += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (!wanted.starts_with("N")) wanted = "N" + std::string(wanted.size() < 4 ? 4 - wanted.size() : 0, '0') + wanted;
  const auto found = std::ranges::find(kCodes, std::string_view(wanted), &CodeInfo::code);
  if (found == std::end(kCodes)) return {};
  std::string out = std::string(found->code) + ": " + std::string(found->title) + "\n\n" + std::string(found->explanation) + "\n";
  for (size_t at = 0; at < found->example.size();) {
    const size_t end = std::min(found->example.find('\n', at), found->example.size());
    out += (at == 0 ? "\n  " : "  ") + std::string(found->example.substr(at, end - at)) + "\n";
    at = end + 1;
  }
  return out;
}

}  // namespace netc
