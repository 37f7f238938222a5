//! Checks ComfyUI itself: does it answer, is it ComfyUI, can it make pictures, who else can reach it?

use serde_json::Value;

use super::probe::{Answer, Probe};
use super::report::{Check, Severity};
use crate::config::{Auth, Config, is_loopback};

const SUBJECT: &str = "comfyui";
/// The default ports of ComfyUI: of the server, of the desktop app, and the next one.
const DEFAULT_PORTS: [u16; 3] = [8188, 8000, 8189];

/// Checks ComfyUI at its address, or looks for it at its default ports.
pub(super) async fn check(config: &Config) -> Vec<Check> {
    let probe = match Probe::new(&config.comfyui) {
        Ok(probe) => probe,
        Err(error) => return vec![Check::new(Severity::Error, SUBJECT, error.to_string())],
    };
    let url = probe.base().to_string();
    match probe.identify().await {
        Answer::ComfyUi(stats) => check_server(&probe, config, &stats).await,
        Answer::Unauthorized(status) => {
            let fix = if matches!(config.comfyui.auth, Auth::None) {
                "set `comfyui.auth`"
            } else {
                "check the credential in `comfyui.auth`"
            };
            vec![
                Check::new(Severity::Error, SUBJECT, format!("{url} refuses us: status {}", status.as_u16()))
                    .fix(fix),
            ]
        }
        Answer::Redirected(location) => {
            vec![Check::new(Severity::Error, SUBJECT, format!("{url} sends us to `{location}`")).fix(
                "set `comfyui.url` to where ComfyUI answers, and `comfyui.auth` if that is a login page",
            )]
        }
        Answer::Other { status, server } => {
            let who = server.map(|server| format!(" ({server})")).unwrap_or_default();
            let message =
                format!("something else than ComfyUI answers at {url}: status {}{who}", status.as_u16());
            vec![Check::new(Severity::Error, SUBJECT, message).fix(address_fix(&probe).await)]
        }
        Answer::Unreachable(reason) => vec![
            Check::new(Severity::Error, SUBJECT, format!("nobody answers at {url}: {reason}"))
                .fix(address_fix(&probe).await),
        ],
    }
}

/// Returns the fix for a wrong address: the one where ComfyUI does answer, if it does.
async fn address_fix(probe: &Probe) -> String {
    let configured = probe.base().port_or_known_default();
    for port in DEFAULT_PORTS.into_iter().filter(|port| Some(*port) != configured) {
        let candidate = probe.at_port(port);
        if matches!(candidate.identify().await, Answer::ComfyUi(_)) {
            return format!(
                "ComfyUI answers at {0}: set `comfyui.url: {0}` or COMFYUI_URL",
                candidate.base()
            );
        }
    }
    "start ComfyUI, or set `comfyui.url` (COMFYUI_URL) to where it listens; the desktop app uses port 8000"
        .to_owned()
}

async fn check_server(probe: &Probe, config: &Config, stats: &Value) -> Vec<Check> {
    let version =
        stats.pointer("/system/comfyui_version").and_then(Value::as_str).unwrap_or("of unknown version");
    let mut checks = vec![if is_simulated(stats) {
        Check::new(
            Severity::Note,
            SUBJECT,
            format!("a simulated ComfyUI answers at {}: it runs no model", probe.base()),
        )
        .fix("set `comfyui.url` (COMFYUI_URL) to a real one when you want real pictures")
    } else {
        Check::new(Severity::Ok, SUBJECT, format!("ComfyUI {version} answers at {}", probe.base()))
    }];
    checks.push(models(probe).await);
    checks.push(manager(probe).await);
    if !probe.socket_opens().await {
        checks.push(
            Check::new(Severity::Warning, SUBJECT, "the event socket /ws does not open: progress is polled")
                .fix("let the proxy pass WebSocket upgrades"),
        );
    }
    checks.extend(exposure(probe, config, stats).await);
    checks
}

/// Returns whether the simulator answered: its only device is named so.
fn is_simulated(stats: &Value) -> bool {
    stats.pointer("/devices/0/name").and_then(Value::as_str) == Some("simulated")
}

async fn models(probe: &Probe) -> Check {
    let mut counted = Vec::new();
    for folder in ["checkpoints", "diffusion_models", "unet_gguf"] {
        let listed = probe.json(&format!("/models/{folder}")).await;
        let count = listed.as_ref().and_then(Value::as_array).map_or(0, Vec::len);
        if count > 0 {
            counted.push(format!("{count} in {folder}"));
        }
    }
    if counted.is_empty() {
        return Check::new(Severity::Error, "models", "no checkpoint and no diffusion model is installed")
            .fix("put one into ComfyUI's models/checkpoints and call again, or use comfyui_download_model");
    }
    Check::new(Severity::Ok, "models", counted.join(", "))
}

async fn manager(probe: &Probe) -> Check {
    for path in ["/v2/manager/version", "/manager/version"] {
        if probe.exists(path).await {
            return Check::new(Severity::Ok, "manager", "ComfyUI-Manager answers");
        }
    }
    Check::new(
        Severity::Note,
        "manager",
        "ComfyUI-Manager is missing: the tools for custom nodes will say so",
    )
    .fix("install comfyui-manager and start ComfyUI with --enable-manager, if you want them")
}

/// Warns where others can reach ComfyUI around comfywarden.
async fn exposure(probe: &Probe, config: &Config, stats: &Value) -> Option<Check> {
    let host = probe.base().host_str().unwrap_or_default();
    let fix = "let ComfyUI listen on 127.0.0.1 only, or put a proxy with a password before it";
    if !is_loopback(host) {
        let open = matches!(probe.anonymous().identify().await, Answer::ComfyUi(_));
        let message = format!(
            "{host} answers without a credential: whoever reaches it can run any workflow, around comfywarden"
        );
        return open.then(|| Check::new(Severity::Warning, SUBJECT, message).fix(fix));
    }
    let wide = listens_on_network(stats) && matches!(config.comfyui.auth, Auth::None);
    wide.then(|| {
        let message = "ComfyUI was started with --listen: others on the network can run any workflow, around comfywarden";
        Check::new(Severity::Warning, SUBJECT, message).fix(fix)
    })
}

/// Returns whether ComfyUI's command line opens it to the network; `--listen` alone means every interface.
fn listens_on_network(stats: &Value) -> bool {
    let Some(words) = stats.pointer("/system/argv").and_then(Value::as_array) else { return false };
    let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
    let Some(at) = words.iter().position(|word| *word == "--listen") else { return false };
    match words.get(at + 1) {
        Some(addresses) if !addresses.starts_with("--") => addresses.split(',').any(|one| !is_loopback(one)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn listening_widely_is_read_from_the_command_line() {
        let started = |words: &[&str]| listens_on_network(&json!({ "system": { "argv": words } }));
        assert!(started(&["main.py", "--listen"]));
        assert!(started(&["main.py", "--listen", "0.0.0.0,::"]));
        assert!(started(&["main.py", "--listen", "--port", "8188"]));
        assert!(!started(&["main.py", "--listen", "127.0.0.1"]));
        assert!(!started(&["main.py", "--port", "8188"]));
    }
}
