//! Finds known names that are similar to a wrong one.

/// The longest name that is compared; longer ones get no suggestion.
const MAX_NAME: usize = 128;
/// The Jaro-Winkler similarity from which a name counts as near.
const MIN_SIMILARITY: f64 = 0.72;

/// Finds up to `count` names near `name`, best first. Case and separators do not count against a name.
pub fn nearest<'a, I>(name: &str, known: I, count: usize) -> Vec<&'a str>
where
    I: IntoIterator<Item = &'a str>,
{
    let wanted = fold(stem(name));
    if wanted.is_empty() || wanted.len() > MAX_NAME {
        return Vec::new();
    }
    let mut found: Vec<(f64, &str)> = known
        .into_iter()
        .filter(|candidate| candidate.len() <= 2 * MAX_NAME)
        .map(|candidate| (likeness(&wanted, &fold(stem(candidate))), candidate))
        .filter(|(likeness, _)| *likeness >= MIN_SIMILARITY)
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    found.into_iter().take(count).map(|(_, candidate)| candidate).collect()
}

/// Returns “did you mean `a` or `b`?”, or nothing when no name is near.
pub fn did_you_mean<'a, I>(name: &str, known: I) -> Option<String>
where
    I: IntoIterator<Item = &'a str>,
{
    let near = nearest(name, known, 3);
    let quoted: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    (!quoted.is_empty()).then(|| format!("did you mean {}?", quoted.join(" or ")))
}

/// Writes `names` as a readable list, cut after `limit`.
pub fn list<S: AsRef<str>>(names: &[S], limit: usize) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<&str> = names.iter().take(limit).map(AsRef::as_ref).collect();
    let rest = names.len().saturating_sub(limit);
    if rest == 0 { shown.join(", ") } else { format!("{} and {rest} more", shown.join(", ")) }
}

/// Folds a name to lower case without separators, so that two spellings of one name are equal.
pub fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Returns a model file's name without its extension, which would make all of them look alike.
fn stem(name: &str) -> &str {
    let model = |extension: &str| matches!(extension, "safetensors" | "ckpt" | "pt" | "pth" | "sft" | "bin");
    name.rsplit_once('.').filter(|(_, extension)| model(extension)).map_or(name, |(stem, _)| stem)
}

fn likeness(wanted: &str, candidate: &str) -> f64 {
    if wanted == candidate {
        return 2.0;
    }
    let alike = strsim::jaro_winkler(wanted, candidate);
    let (short, long) = (wanted.len().min(candidate.len()), wanted.len().max(candidate.len()));
    if short >= 4 && (candidate.contains(wanted) || wanted.contains(candidate)) {
        #[expect(clippy::cast_precision_loss, reason = "lengths of at most 256")]
        return alike.max(0.75 + 0.2 * short as f64 / long as f64);
    }
    alike
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_name_in_spite_of_case_and_typing_mistakes() {
        let known = ["KSampler", "KSamplerAdvanced", "VAEDecode", "SaveImage"];
        assert_eq!(nearest("ksampler", known, 1), ["KSampler"]);
        assert_eq!(nearest("VAEDecod", known, 1), ["VAEDecode"]);
        assert_eq!(nearest("Nonsense9", known, 3), Vec::<&str>::new());
    }

    #[test]
    fn cuts_long_lists() {
        assert_eq!(list(&["a", "b", "c"], 2), "a, b and 1 more");
        assert_eq!(list::<&str>(&[], 2), "none");
    }
}
