//! Lines on the wire between a client and the server's standard streams, line by line.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf};

use crate::support::{TestApp, bounded};

/// A client that writes whatever it is told to.
struct Wire {
    answers: tokio::io::Lines<BufReader<ReadHalf<DuplexStream>>>,
    out: WriteHalf<DuplexStream>,
}

impl Wire {
    /// Opens a session, handshake done.
    async fn open(app: &TestApp) -> Self {
        let (reader, out) = tokio::io::split(app.pipe());
        let mut wire = Self { answers: BufReader::new(reader).lines(), out };
        let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}});
        wire.ask(&hello.to_string()).await;
        wire.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string()).await;
        wire
    }

    async fn say(&mut self, line: &str) {
        bounded(self.out.write_all(format!("{line}\n").as_bytes())).await.unwrap();
    }

    async fn ask(&mut self, line: &str) -> Value {
        self.say(line).await;
        serde_json::from_str(&bounded(self.answers.next_line()).await.unwrap().unwrap()).unwrap()
    }
}

fn request(id: u32, method: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method}).to_string()
}

#[tokio::test]
async fn a_request_without_its_parameters_gets_an_answer() {
    let app = TestApp::start().await;
    let mut wire = Wire::open(&app).await;
    for (method, code) in [("tools/call", -32_602), ("resources/read", -32_602), ("no/such_method", -32_601)]
    {
        let answer = wire.ask(&request(7, method)).await;
        assert_eq!(
            (&answer["id"], &answer["error"]["code"]),
            (&json!(7), &json!(code)),
            "{method}: {answer}"
        );
    }
}

#[tokio::test]
async fn what_is_no_message_is_answered_and_the_session_goes_on() {
    let app = TestApp::with(|config| config.limits.max_message_mb = 1).await;
    let mut wire = Wire::open(&app).await;
    let text = "x".repeat(2 << 20);
    let long =
        format!(r#"{{"jsonrpc":"2.0","method":"tools/call","params":{{"name":"{text}"}},"id":"late"}}"#);
    for (line, id, code) in [
        ("hello?", Value::Null, -32_700),
        (r#"{"jsonrpc":"2.0","id":3,"method":"tools/list""#, Value::Null, -32_700),
        ("[]", Value::Null, -32_600),
        (r#"{"id":4,"method":"tools/list"}"#, json!(4), -32_600),
        (r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":5}}"#, json!(5), -32_602),
        (long.as_str(), json!("late"), -32_600),
    ] {
        let answer = wire.ask(line).await;
        let shown: String = line.chars().take(80).collect();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&id, &json!(code)), "{shown}: {answer}");
        let alive = wire.ask(&request(9, "tools/list")).await;
        assert!(alive["result"]["tools"].is_array(), "after {shown}: {alive}");
    }
}
