#![no_main]
//! URLs: whatever is accepted is https, without credentials, and means the same to the parser that requests it.

use comfywarden_policy::{download::DownloadRules, settings::Security, strict_url::StrictUrl, webhook::WebhookRules};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(url) = StrictUrl::parse(text) {
        assert!(!url.host().is_empty() && !url.host().contains(['@', '/', '\\', '%']));
    }
    if let Ok(download) = DownloadRules::new(&Security::default()).check(text, None) {
        assert!(["huggingface.co", "civitai.com"].contains(&download.url.host()));
        assert_eq!(download.url.port(), 443);
    }
    let _ = WebhookRules::Public { own_hosts: vec!["own.example".into()] }.check(text);
});
