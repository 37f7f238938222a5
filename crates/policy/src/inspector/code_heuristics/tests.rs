use super::*;

fn is_code(text: &str) -> bool {
    end_of_code(Text::new(text)).is_some()
}

#[test]
fn code_is_known_by_its_shape() {
    for text in [
        "Bun.spawn(['id'])",
        "a . b ('x')",
        "svc.api?.invoke (['x'])",
        "table['pri' + 'nt'](1)",
        "pick(x)('id')",
        "(f)('id')",
        "'zip'.swapcase()",
        "''.join(parts)",
        "'-'.join(['a','b'])",
        "'abcd'[::-2]",
        "'%s' % ('x')",
        "new Thing(a)",
        "new Thing ('a')",
        "(i for i in ()).gi_frame",
        "t.__index.f",
        "Function('x')",
        "quit()",
        "torch.utils.hub_x.fetch(u)",
        "np.savetxt('a', b)",
        "don't\nBun.spawn(['id'])",
    ] {
        assert!(is_code(text), "{text}");
    }
}

#[test]
fn formulas_verse_and_markdown_have_another_shape() {
    for text in [
        "np.clip(np.sin(t * 2 * np.pi), 0, 1)",
        "torch.nn.functional.softmax(x)",
        "Math.floor(a / 8) * 8",
        "image.size(0) + a.width.toFixed(2)",
        "(a+b)(c-d)",
        "sin(x)(y+1)",
        "x[0] + data[\"count\"] * (y - 1)",
        "\"NESW\"[int(a)]",
        "', '.join(names)",
        "'{} of {}'.format(a, b)",
        "'%s_%d' % (a, b)",
        "name.upper().strip()",
        "read it... (beat) Run! etc. then (fade)",
        "see take.two (left), don't [stop](now)",
        "a new York (state) style",
        "# 1. first (a)\n2. [x] done",
        "smile:0.6, aaa:12",
    ] {
        assert!(!is_code(text), "{text}");
    }
}

#[test]
fn a_megabyte_of_brackets_takes_no_time() {
    let start = std::time::Instant::now();
    for text in ["(", "[", ".", "a.", "a . ", "' ", ")(", "a(", "b[\"", ". __"] {
        is_code(&text.repeat(1_000_000 / text.len()));
    }
    assert!(start.elapsed().as_secs() < 20);
}
