//! Names that tell formulas from programs.

/// Roots of calls that only compute.
pub(super) const NUMERIC: [&str; 14] = [
    "math",
    "cmath",
    "np",
    "numpy",
    "jnp",
    "torch",
    "tf",
    "f",
    "random",
    "statistics",
    "re",
    "datetime",
    "date",
    "time",
];
/// What may stand between such a root and the name that is called.
pub(super) const WITHIN: [&str; 8] =
    ["nn", "functional", "linalg", "fft", "random", "special", "datetime", "date"];
/// Parts of names that do more than compute.
pub(super) const RISKY: [&str; 13] = [
    "load", "save", "file", "open", "exec", "eval", "compile", "txt", "memmap", "script", "import", "system",
    "sleep",
];
/// Functions after which a bracket multiplies.
pub(super) const FUNCTIONS: [&str; 18] = [
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "log", "ln", "exp", "sqrt", "abs",
    "round", "floor", "ceil", "log10",
];
/// Functions that make or end programs, as they are spelled.
pub(super) const MAKERS: [&str; 4] = ["Function", "CreateObject", "GetObject", "ActiveXObject"];
/// Attributes through which code reaches the code that called it.
pub(super) const FRAMES: [&str; 19] = [
    "gi_frame",
    "gi_code",
    "gi_yieldfrom",
    "cr_frame",
    "cr_code",
    "cr_await",
    "cr_origin",
    "ag_frame",
    "ag_code",
    "ag_await",
    "f_back",
    "f_builtins",
    "f_globals",
    "f_locals",
    "f_code",
    "tb_frame",
    "tb_next",
    "func_globals",
    "func_code",
];

/// True for methods of texts, lists and numbers.
pub(super) fn is_harmless(name: &[u8]) -> bool {
    matches!(
        name.to_ascii_lowercase().as_slice(),
        b"lower"
            | b"upper"
            | b"title"
            | b"capitalize"
            | b"strip"
            | b"lstrip"
            | b"rstrip"
            | b"trim"
            | b"split"
            | b"rsplit"
            | b"splitlines"
            | b"join"
            | b"replace"
            | b"startswith"
            | b"endswith"
            | b"count"
            | b"find"
            | b"index"
            | b"rfind"
            | b"zfill"
            | b"center"
            | b"ljust"
            | b"rjust"
            | b"isdigit"
            | b"isalpha"
            | b"isalnum"
            | b"isnumeric"
            | b"isupper"
            | b"islower"
            | b"format"
            | b"keys"
            | b"values"
            | b"items"
            | b"get"
            | b"round"
            | b"sum"
            | b"mean"
            | b"min"
            | b"max"
            | b"abs"
            | b"floor"
            | b"ceil"
            | b"sqrt"
            | b"pow"
            | b"exp"
            | b"log"
            | b"sin"
            | b"cos"
            | b"tan"
            | b"clamp"
            | b"clip"
            | b"item"
            | b"size"
            | b"dim"
            | b"numel"
            | b"tolist"
            | b"float"
            | b"int"
            | b"half"
            | b"permute"
            | b"unsqueeze"
            | b"squeeze"
            | b"view"
            | b"reshape"
            | b"flatten"
            | b"transpose"
            | b"repeat"
            | b"flip"
            | b"roll"
            | b"std"
            | b"var"
            | b"median"
            | b"any"
            | b"all"
            | b"tofixed"
            | b"tostring"
            | b"tolowercase"
            | b"touppercase"
            | b"includes"
            | b"indexof"
            | b"slice"
            | b"substring"
            | b"substr"
            | b"padstart"
            | b"padend"
            | b"charat"
            | b"concat"
            | b"lerp"
            | b"norm"
            | b"dot"
            | b"cross"
            | b"normalize"
            | b"test"
            | b"match"
    )
}
