use tokio::io::{AsyncReadExt, BufReader};

use super::*;

const MAX: usize = 1_000;

struct Peer {
    lines: Lines<tokio::io::ReadHalf<tokio::io::DuplexStream>, tokio::io::WriteHalf<tokio::io::DuplexStream>>,
    theirs: tokio::io::DuplexStream,
}

fn peer() -> Peer {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (input, output) = tokio::io::split(ours);
    Peer { lines: Lines::new(input, output, MAX), theirs }
}

/// Collects the answers to `sent`, and counts the messages that got through.
async fn answers(sent: &[u8]) -> (Vec<Value>, usize) {
    let Peer { mut lines, mut theirs } = peer();
    theirs.write_all(sent).await.unwrap();
    theirs.shutdown().await.unwrap();
    let mut through = 0;
    while lines.receive().await.is_some() {
        through += 1;
    }
    lines.close().await.unwrap();
    drop(lines);
    let mut text = String::new();
    BufReader::new(theirs).read_to_string(&mut text).await.unwrap();
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), through)
}

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

#[tokio::test]
async fn what_cannot_be_read_is_answered_and_the_stream_goes_on() {
    for (line, code, id) in [
        ("no json", PARSE_ERROR, Value::Null),
        ("{\"jsonrpc\":", PARSE_ERROR, Value::Null),
        ("{\"jsonrpc\":\"2.0\",\"id\":NaN}", PARSE_ERROR, Value::Null),
        ("[]", INVALID_REQUEST, Value::Null),
        ("42", INVALID_REQUEST, Value::Null),
        (r#"{"id":9}"#, INVALID_REQUEST, json!(9)),
        (r#"{"jsonrpc":"2.0","id":"a","method":5}"#, INVALID_REQUEST, json!("a")),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, INVALID_REQUEST, Value::Null),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, INVALID_REQUEST, Value::Null),
        (
            &format!(r#"{{"jsonrpc":"2.0","id":7,"params":{}1{}}}"#, "[".repeat(200), "]".repeat(200)),
            PARSE_ERROR,
            json!(7),
        ),
    ] {
        let (answers, through) =
            answers(format!("{PING}\n{line}\n{}\n", PING.replace('1', "2")).as_bytes()).await;
        assert_eq!(through, 2, "{line}");
        let [answer] = answers.as_slice() else { panic!("{line}: {answers:?}") };
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &id), "{line}");
        assert_eq!(answer["jsonrpc"], "2.0");
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_answered_too() {
    let inside = br#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":""#;
    let sent = [b"\xff\xfe\n", PING.as_bytes(), b"\n", inside, b"\xff\"}}\n"].concat();
    let (answers, through) = answers(&sent).await;
    assert_eq!((answers.len(), through), (2, 1));
    assert!(answers.iter().all(|answer| answer["error"]["code"] == PARSE_ERROR), "{answers:?}");
    assert_eq!((&answers[0]["id"], &answers[1]["id"]), (&Value::Null, &json!(2)));
}

#[tokio::test]
async fn a_line_that_is_too_long_is_refused_by_its_id_and_never_kept() {
    let (ours, mut theirs) = tokio::io::duplex(1 << 10);
    let (input, output) = tokio::io::split(ours);
    let mut lines = Lines::new(input, output, MAX);
    let sender = tokio::spawn(async move {
        theirs
            .write_all(br#"{"jsonrpc":"2.0","method":"tools/call","params":{"id":2,"text":""#)
            .await
            .unwrap();
        for _ in 0..1_000 {
            theirs.write_all(&[b'x'; 1_000]).await.unwrap();
        }
        theirs.write_all(b"\"},\"id\":41}\n").await.unwrap();
        theirs.write_all(format!("{PING}\n").as_bytes()).await.unwrap();
        theirs
    });
    assert!(lines.receive().await.is_some(), "the line after it is read");
    assert!(lines.line.capacity() <= KEPT_ROOM);
    let mut answer = String::new();
    BufReader::new(sender.await.unwrap()).read_line(&mut answer).await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(41), &json!(INVALID_REQUEST)));
    assert!(answer["error"]["message"].as_str().unwrap().contains("1000 bytes"), "{answer}");
}

#[tokio::test]
async fn foreign_notifications_and_empty_lines_get_no_answer() {
    let sent = format!("\n\r\n\u{feff}{PING}\r\n{{\"jsonrpc\":\"2.0\",\"method\":\"$/x\",\"params\":5}}\n");
    let (answers, through) = answers(sent.as_bytes()).await;
    assert!(answers.is_empty() && (1..=2).contains(&through), "{answers:?} {through}");
}

#[tokio::test]
async fn a_receive_that_is_interrupted_loses_nothing() {
    let Peer { mut lines, mut theirs } = peer();
    let (head, tail) = PING.split_at(10);
    theirs.write_all(format!("garbage\n{head}").as_bytes()).await.unwrap();
    for _ in 0..10 {
        tokio::select! {
            biased;
            _ = lines.receive() => panic!("half a line is no message"),
            () = tokio::task::yield_now() => {}
        }
    }
    theirs.write_all(format!("{tail}\n").as_bytes()).await.unwrap();
    assert!(lines.receive().await.is_some());
    let mut answer = String::new();
    BufReader::new(theirs).read_line(&mut answer).await.unwrap();
    assert!(answer.contains("-32700"), "{answer}");
}

#[tokio::test]
async fn an_id_in_use_is_refused_until_its_request_is_answered_or_cancelled() {
    let Peer { mut lines, mut theirs } = peer();
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    theirs.write_all(format!("{PING}\n{PING}\n{cancel}\n{PING}\n").as_bytes()).await.unwrap();
    for _ in 0..3 {
        assert!(lines.receive().await.is_some(), "the first, the cancellation, and the one after it");
    }
    let mut reader = BufReader::new(theirs);
    let mut answer = String::new();
    reader.read_line(&mut answer).await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(1), &json!(INVALID_REQUEST)));
    let done = rmcp::model::JsonRpcError::new(
        Some(RequestId::Number(1)),
        rmcp::ErrorData::internal_error("x", None),
    );
    lines.send(JsonRpcMessage::Error(done)).await.unwrap();
    reader.get_mut().write_all(format!("{PING}\n").as_bytes()).await.unwrap();
    assert!(lines.receive().await.is_some(), "an answered id is free again");
}
