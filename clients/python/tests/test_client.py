"""Push, deploy, infer and follow, from a program without an event loop."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from models import doubling, summing_rows, text_and_numbers

import pilothouse as ph

X = np.array([[1, 2], [3, 4]], np.float32)


def test_push_takes_a_proto_bytes_a_path_and_a_folder(client: ph.Client, tmp_path: Path) -> None:
    proto = doubling()
    content = proto.SerializeToString()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "doubling.onnx").write_bytes(content)
    pushed = [client.push("forms", each) for each in (proto, content, folder / "doubling.onnx", str(folder))]
    assert [version.number for version in pushed] == [1, 2, 3, 4]
    assert {version.state for version in pushed} == {ph.VersionState.READY}
    assert [version.number for version in client.versions("forms")] == [4, 3, 2, 1]


def test_push_says_what_it_cannot_send(client: ph.Client, tmp_path: Path) -> None:
    with pytest.raises(ph.InvalidError, match="int is not a model that can be sent; give a path"):
        client.push("no", 5)
    with pytest.raises(ph.InvalidError, match='there is no file or folder "nothing.onnx"'):
        client.push("no", "nothing.onnx")
    with pytest.raises(ph.FailedPreconditionError, match="version broken:1 was REJECTED"):
        client.push("broken", b"no onnx", format="onnx")


def test_push_declares_a_signature_and_hands_options_to_the_runtime(client: ph.Client) -> None:
    def declared(columns: int) -> dict[str, object]:
        spec = {"datatype": "FP32", "shape": [-1, columns]}
        return {"inputs": [{"name": "x", **spec}], "outputs": [{"name": "y", **spec}]}

    assert client.push("declared", doubling(), signature=declared(2)).state is ph.VersionState.READY
    with pytest.raises(ph.FailedPreconditionError, match="version declared:2 was REJECTED"):
        client.push("declared", doubling(), signature=declared(3))
    with pytest.raises(ph.InvalidError, match="signature.outputs: Field required; give {'inputs'"):
        client.push("declared", doubling(), signature={"inputs": []})
    with pytest.raises(ph.InvalidError, match='the runtime "onnx" takes no options; "depth" was given'):
        client.push("declared", doubling(), options={"depth": 3})


def test_a_version_keeps_its_lineage(client: ph.Client) -> None:
    version = client.push(
        "lineage",
        doubling(),
        sample=X,
        metrics={"auc": np.float64(0.5)},
        params={"depth": np.int64(3), "estimator": object, "rate": float("nan")},
        dataset=ph.Dataset("crm", uri="s3://crm", digest="sha256:1", rows=7),
    )
    lineage = client.version("lineage", version.number).lineage
    assert lineage.metrics == {"auc": 0.5}
    assert lineage.hyperparameters == {"depth": 3, "estimator": "<class 'object'>", "rate": "nan"}
    assert lineage.dataset is not None and lineage.dataset.model_dump() == {
        "name": "crm",
        "uri": "s3://crm",
        "digest": "sha256:1",
        "rows": 7,
    }
    assert lineage.libraries is not None and lineage.libraries["numpy"] == np.__version__
    assert lineage.source is not None


def test_deploy_waits_and_infer_answers(client: ph.Client) -> None:
    version = client.push("double", doubling())
    deployment = client.deploy("double", version)
    assert deployment.phase is ph.DeploymentPhase.READY
    assert "Deployment double  READY" in repr(deployment) and "<table>" in deployment._repr_html_()  # type: ignore[attr-defined]
    np.testing.assert_array_equal(client.infer("double", X), X * 2)
    np.testing.assert_array_equal(client.infer("double", X.astype(np.float64), outputs="y"), X * 2)
    np.testing.assert_array_equal(client.infer("double", pd.DataFrame(X, columns=["a", "b"])), X * 2)
    answer = client.infer("double", {"x": X}, outputs=["y"])
    np.testing.assert_array_equal(answer["y"], X * 2)


def test_infer_says_what_is_wrong_with_its_input(client: ph.Client) -> None:
    client.deploy("wrong", client.push("wrong", doubling()))
    with pytest.raises(
        ph.InvalidError, match=r'input "x" has the shape \[2\]; the model takes \[-1, 2\].*X\[None\] makes one row'
    ):
        client.infer("wrong", X[0])
    with pytest.raises(ph.InvalidError, match='the model has no input "z"; it takes "x" FP32'):
        client.infer("wrong", {"z": X})
    with pytest.raises(ph.InvalidError, match='input "x" has the dtype complex128; the model takes FP32'):
        client.infer("wrong", X.astype(complex))
    with pytest.raises(ph.NotFoundError):
        client.infer("nothing", X)


def test_what_is_too_large_for_one_request_is_sent_in_several(client: ph.Client) -> None:
    client.deploy("large", client.push("large", doubling()))
    # 80 MB: the gateway takes 64 MiB a request.
    large = np.arange(20_000_000, dtype=np.float32).reshape(-1, 2)
    np.testing.assert_array_equal(client.infer("large", large), large * 2)
    few = np.arange(14, dtype=np.float32).reshape(-1, 2)
    np.testing.assert_array_equal(client.infer("large", few, batch_rows=3), few * 2)


def test_rows_that_depend_on_one_another_are_not_split(client: ph.Client) -> None:
    client.deploy("together", client.push("together", summing_rows(), sample=X))
    np.testing.assert_array_equal(client.infer("together", X), X + X.sum(axis=0))
    with pytest.raises(ph.LimitExceededError, match="must not be split"):
        client.infer("together", X, batch_rows=1)


def test_texts_and_64_bit_integers_keep_every_bit(client: ph.Client) -> None:
    sample = {"text": ["a"], "number": [2**62 + 1]}
    client.deploy("texts", client.push("texts", text_and_numbers(), sample=sample))
    table = pd.DataFrame({"text": ["ä", "", "long " * 100], "number": [2**62 + 1, -(2**63), 0], "unused": [1, 2, 3]})
    answer = client.infer("texts", table)
    assert isinstance(answer, dict)
    assert answer["same_text"].tolist() == table.text.tolist()
    assert answer["same_number"].tolist() == table.number.tolist()


def test_infer_follows_a_version_with_other_inputs(client: ph.Client) -> None:
    client.deploy("turn", client.push("turn", doubling()))
    client.infer("turn", X)
    client.deploy("turn", client.push("turn", text_and_numbers()))
    answer = client.infer("turn", {"text": ["a"], "number": [1]})
    assert isinstance(answer, dict) and answer["same_number"].tolist() == [1]


def test_a_handle_waits_and_follow_resumes_by_cursor(client: ph.Client) -> None:
    cursor = client.event_cursor()
    change = client.deploy("followed", client.push("followed", doubling()), wait=False)
    assert change.rollout is not None
    assert change.wait(timeout=60, progress=True).phase is ph.DeploymentPhase.READY
    client.delete("followed")
    events = list(client.follow("followed", after=cursor))
    assert [event.phase for event in events][-1] is ph.DeploymentPhase.DELETED
    middle = events[len(events) // 2]
    rest = list(client.follow("followed", after=middle.cursor))
    assert [event.cursor for event in rest] == [event.cursor for event in events[len(events) // 2 + 1 :]]


def test_versions_are_named_in_several_ways(client: ph.Client) -> None:
    for _ in range(2):
        client.push("named", doubling())
    assert [each.version.number for each in client.deploy("named", 1).targets] == [1]
    assert [each.version.number for each in client.deploy("named", "named:2").targets] == [2]
    assert [each.version.number for each in client.rollback("named").targets] == [1]
    assert client.scale("named", 2).spec.replicas == 2
    shared = client.deploy("named", [ph.TargetInput(model="named", version=number, weight=50) for number in (1, 2)], replicas=1)
    assert [(each.version.number, each.weight) for each in shared.targets] == [(1, 50), (2, 50)]
    with pytest.raises(ph.InvalidError, match='"named:x" does not name a version; give model:number'):
        client.deploy("named", "named:x")


def test_errors_are_classes_by_code(client: ph.Client) -> None:
    with pytest.raises(ph.NotFoundError, match='there is no deployment "nothing".*\n.*client.deployments') as caught:
        client.deployment("nothing")
    assert isinstance(caught.value, ph.PilothouseError) and caught.value.code == "NOT_FOUND"
    with pytest.raises(ph.PilothouseError) as refused:
        client.deploy("nothing", "nothing:1")
    assert refused.value.user_errors[0].field[0] == "input"
    client.deploy("taken", client.push("taken", doubling()))
    with pytest.raises(ph.ConflictError):
        client.deploy("taken", replicas=2, expected_generation=7)
    with ph.Client(client.url, token="wrong") as stranger, pytest.raises(ph.UnauthenticatedError):
        stranger.deployments()
    with ph.Client("http://127.0.0.1:9", token="any") as nobody, pytest.raises(ph.UnavailableError):
        nobody.deployments()
