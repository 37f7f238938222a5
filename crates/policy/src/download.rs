//! Rules for model downloads: URLs, file names and redirects.

use super::{
    path::ModelName,
    redact::{is_secret_key, percent_decoded},
    strict_url::StrictUrl,
};
use crate::settings;
use comfywarden_error::{Error, Result};

/// The most redirects of one download.
pub const MAX_HOPS: usize = 5;
/// Bucket that Civitai delivers from, besides hosts under its own names.
const CIVITAI_BUCKET: &str =
    "civitai-delivery-worker-prod.5ac0637cfd0766c97916cefa3764fbdf.r2.cloudflarestorage.com";
/// First path segments on Hugging Face that are neither an owner nor a repository.
const NO_REPOSITORY: [&str; 14] = [
    "spaces",
    "datasets",
    "api",
    "models",
    "docs",
    "settings",
    "login",
    "join",
    "blog",
    "papers",
    "collections",
    "new",
    "organizations",
    "resolve",
];
/// Extensions of the formats that cannot carry code.
const SAFE_FORMATS: [&str; 2] = [".safetensors", ".gguf"];

/// The operator's rules for downloads.
#[derive(Debug, Clone)]
pub struct DownloadRules {
    hosts: Vec<String>,
    extensions: Vec<String>,
}

/// A download that may begin.
#[derive(Debug, Clone)]
pub struct Download {
    /// Address to request.
    pub url: StrictUrl,
    /// Name to store it under: one component with an extension of the list.
    pub name: ModelName,
    /// True for formats that can carry code: ask before.
    pub pickle: bool,
}

impl DownloadRules {
    /// Takes the rules from the configuration.
    pub fn new(security: &settings::Security) -> Self {
        let lower = |list: &[String]| list.iter().map(|entry| entry.to_ascii_lowercase()).collect();
        Self {
            hosts: lower(&security.allowed_download_domains),
            extensions: lower(&security.allowed_model_extensions),
        }
    }

    /// Accepts a download, or names the rule that refuses it. Without `name` the URL's last segment is the name.
    pub fn check(&self, url: &str, name: Option<&str>) -> Result<Download> {
        let url = StrictUrl::parse(url)?;
        if !self.hosts.iter().any(|host| host == url.host()) {
            return Err(Error::denied(format!("`{}` is not a host that models may come from", url.host()))
                .hint(format!(
                    "accepted hosts: {}; the operator sets `security.allowed_download_domains`",
                    self.hosts.join(", ")
                )));
        }
        let from_url = self.check_path(&url, false)?;
        let secret = url.as_url().query_pairs().find(|(key, _)| is_secret_key(key));
        if let Some((key, _)) = secret {
            return Err(refuse(&format!("its query carries a credential (`{key}`)")).hint(
                "set the token in the configuration under `model_search`; it is sent to the right host only",
            ));
        }
        let name = match (name, from_url) {
            (Some(name), _) => name.to_owned(),
            (None, Some(name)) => name,
            (None, None) => {
                return Err(refuse("it does not say a file name").hint("give the file name as well"));
            }
        };
        let name = self.check_name(&name)?;
        let pickle =
            !SAFE_FORMATS.iter().any(|extension| name.as_str().to_ascii_lowercase().ends_with(extension));
        Ok(Download { url, name, pickle })
    }

    /// Accepts the next hop of a download, or refuses it. `so_far` are the URLs already requested, the first first.
    pub fn check_hop(&self, so_far: &[StrictUrl], location: &str) -> Result<StrictUrl> {
        let (Some(first), Some(last)) = (so_far.first(), so_far.last()) else {
            return Err(Error::internal("a redirect without a request"));
        };
        if so_far.len() > MAX_HOPS {
            return Err(refuse(&format!("more than {MAX_HOPS} redirects")));
        }
        let next = last.join(location)?;
        if so_far.contains(&next) {
            return Err(refuse("the redirects go in a circle"));
        }
        if next.port() != 443 {
            return Err(refuse("a redirect leads to another port"));
        }
        if next.host() == first.host() {
            self.check_path(&next, true)?;
            return Ok(next);
        }
        if delivers_for(first.host(), next.host()) {
            return Ok(next);
        }
        Err(refuse(&format!(
            "a redirect leads to `{}`, which does not deliver for `{}`",
            next.host(),
            first.host()
        )))
    }

    /// Checks the path on known hosts, in the first request or on a `hop`, and returns the file name in it.
    fn check_path(&self, url: &StrictUrl, hop: bool) -> Result<Option<String>> {
        if url.port() != 443 {
            return Err(refuse(&format!("its port is {}, not 443", url.port()))
                .hint("only the usual port of https is accepted: leave the port out of the address"));
        }
        let segments = url.segments();
        if segments.iter().any(|segment| segment.is_empty()) {
            return Err(refuse("its path has an empty segment"));
        }
        match url.host() {
            "huggingface.co" => {
                let cached = resolve_cache(&segments).filter(|_| hop);
                hugging_face_file(cached.as_deref().unwrap_or(&segments)).map(Some)
            }
            "civitai.com" => civitai_version(&segments).map(|()| None),
            _ => Ok(segments.last().map(|segment| percent_decoded(segment))),
        }
        .and_then(|name| match name {
            Some(name) => self.check_name(&name).map(|name| Some(name.as_str().to_owned())),
            None => Ok(None),
        })
    }

    /// Accepts one component with an extension of the list, by the rules for file names.
    fn check_name(&self, name: &str) -> Result<ModelName> {
        if name.contains(['/', '\\', ';']) {
            return Err(refuse("the file name has a separator in it"));
        }
        let parsed = ModelName::parse(name)?;
        let lower = name.to_ascii_lowercase();
        let listed = self
            .extensions
            .iter()
            .any(|extension| lower.len() > extension.len() && lower.ends_with(extension));
        if !listed || name.contains("..") {
            return Err(refuse("the file name does not end as a model's does")
                .hint(format!("accepted: {}", self.extensions.join(", "))));
        }
        Ok(parsed)
    }
}

/// Reads `/api/resolve-cache/models/{owner}/{repo}/{commit}/{file…}`, to which the Hub redirects small files, as the
/// path that it stands for.
fn resolve_cache<'s>(segments: &[&'s str]) -> Option<Vec<&'s str>> {
    let ["api", "resolve-cache", "models", owner, repository, rest @ ..] = segments else { return None };
    let mut file = vec![*owner, *repository, "resolve"];
    file.extend(rest);
    Some(file)
}

/// Accepts `/{owner}/{repo}/resolve/{revision}/{file…}`, without the owner for the oldest repositories.
fn hugging_face_file(segments: &[&str]) -> Result<String> {
    let wrong = || {
        refuse("it is not a direct file download")
            .hint("Hugging Face: /{owner}/{repo}/resolve/{revision}/{file}")
    };
    let at = segments.iter().position(|segment| *segment == "resolve").ok_or_else(wrong)?;
    let (repository, rest) = segments.split_at_checked(at).ok_or_else(wrong)?;
    let [_, revision, file @ .., name] = rest else { return Err(wrong()) };
    let plain = |segment: &&str| {
        !segment.is_empty()
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    let named = matches!(repository.len(), 1 | 2)
        && repository.iter().all(plain)
        && !repository
            .first()
            .is_some_and(|first| NO_REPOSITORY.contains(&first.to_ascii_lowercase().as_str()));
    // A pull request's revision is the one place where an encoded slash is usual.
    let decoded = percent_decoded(revision);
    let reference = decoded.strip_prefix("refs/pr/").or_else(|| decoded.strip_prefix("refs/convert/"));
    let revision_is_plain = plain(revision) || reference.as_ref().is_some_and(plain);
    let hidden_slash =
        file.iter().chain([name]).any(|segment| percent_decoded(segment).contains(['/', '\\']));
    if !named || !revision_is_plain || hidden_slash {
        return Err(wrong());
    }
    Ok(percent_decoded(name))
}

/// Accepts `/api/download/models/{digits}`.
fn civitai_version(segments: &[&str]) -> Result<()> {
    match segments {
        ["api", "download", "models", id] if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) => {
            Ok(())
        }
        _ => {
            Err(refuse("it is not a direct file download").hint("Civitai: /api/download/models/{version id}"))
        }
    }
}

/// True for a host that a download from `first` may be redirected to.
fn delivers_for(first: &str, next: &str) -> bool {
    match first {
        "huggingface.co" => next.strip_suffix(".hf.co").is_some_and(|label| !label.is_empty()),
        "civitai.com" => next == "b2.civitai.com" || next == CIVITAI_BUCKET,
        _ => false,
    }
}

fn refuse(why: &str) -> Error {
    Error::denied(format!("the download is refused: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> DownloadRules {
        DownloadRules::new(&settings::Security::default())
    }

    #[test]
    fn accepts_direct_files_and_marks_pickles() {
        let rules = rules();
        let download = rules
            .check("https://huggingface.co/o/r/resolve/refs%2Fpr%2F1/my%20lora.safetensors", None)
            .unwrap();
        assert_eq!((download.name.as_str(), download.pickle), ("my lora.safetensors", false));
        assert!(rules.check("https://huggingface.co/o/r/resolve/main/x.pt", None).unwrap().pickle);
        assert!(rules.check("https://civitai.com/api/download/models/12", None).is_err());
        assert!(rules.check("https://civitai.com/api/download/models/12", Some("m.safetensors")).is_ok());
    }

    #[test]
    fn refuses_other_hosts_paths_names_and_credentials() {
        let rules = rules();
        for url in [
            "https://evil.huggingface.co/o/r/resolve/main/m.safetensors",
            "https://huggingface.co:8443/o/r/resolve/main/m.safetensors",
            "https://huggingface.co/spaces/x/resolve/main/m.safetensors",
            "https://huggingface.co/o/r/resolve/main/a%2Fm.safetensors",
            "https://huggingface.co/o/r/resolve/main/m.exe?x=.safetensors",
            "https://civitai.com/api/download/models/1?token=abc",
        ] {
            assert!(rules.check(url, None).is_err(), "{url}");
        }
        assert!(
            rules
                .check("https://huggingface.co/o/r/resolve/main/m.safetensors", Some("../m.safetensors"))
                .is_err()
        );
    }

    #[test]
    fn follows_only_to_the_hosts_that_deliver() {
        let rules = rules();
        let first = rules.check("https://huggingface.co/o/r/resolve/main/m.safetensors", None).unwrap().url;
        let mut so_far = vec![first];
        for hop in [
            "/neworg/r/resolve/main/m.safetensors",
            "/api/resolve-cache/models/o/r/462165984030d82259a11f4367a4eed129e94a7b/m.safetensors",
            "https://us.aws.cdn.hf.co/x?Signature=y",
        ] {
            so_far.push(rules.check_hop(&so_far, hop).unwrap());
        }
        for hop in [
            "https://evilhf.co/x",
            "http://us.aws.cdn.hf.co/x",
            "https://huggingface.co/login",
            "",
            "//evil.example/",
            "https://b2.civitai.com/x",
        ] {
            assert!(rules.check_hop(&so_far[..1], hop).is_err(), "{hop}");
        }
        assert!(rules.check_hop(&so_far[..1], so_far[0].as_url().as_str()).is_err());
    }
}
