"""The reference's own start is pulled from a server once, held to its checksum, and nothing in it is run."""

import json
import pickle
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from sightline_training.embedding.pplcnet_v2 import PPLCNetV2
from sightline_training.pretrained import PretrainedError, begin_with, load_pretrained, pretrained_file, read_pdparams
from sightline_training.published_names import of_pplcnet_v2

NAME = "PPLCNetV2_base_ssld_pretrained.pdparams"


class Answers(SimpleHTTPRequestHandler):
    """Files of a folder; of one whose name says so, less than was announced."""

    def log_message(self, *_: object) -> None:
        pass

    def copyfile(self, source: object, output: object) -> None:
        if (Path(self.directory) / "cut").exists():
            output.write(source.read()[:1000])
        else:
            super().copyfile(source, output)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(address, its folder), on loopback."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Answers, directory=str(folder))) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}/", folder
        made.shutdown()
        thread.join()


def published(path: Path, seed: int = 0) -> dict[str, np.ndarray]:
    """As the published file is: a pickle of arrays by name, with a last convolution and a classifier of other sizes."""
    random = np.random.default_rng(seed)
    values = {name: random.normal(size=value.shape).astype(np.float32) for name, value in of_pplcnet_v2(PPLCNetV2())}
    # The classifier's last stage has a stride of 2, and so no 1 x 1 branch there.
    values = {name: value for name, value in values.items() if not name.startswith("stages.3.0.dw_conv_list.2")}
    values |= {"last_conv.weight": np.zeros((1280, 1024, 1, 1), np.float32), "fc.weight": np.zeros((1280, 1000), np.float32)}
    path.write_bytes(pickle.dumps({**values, "StructuredToParameterName@@": {name: f"conv2d_{i}" for i, name in enumerate(values)}}, 2))
    return values


def begin(network: PPLCNetV2, base: str, folder: Path, said: list[str], sha256: str = "") -> None:
    load_pretrained(network, "pplcnet_v2", of_pplcnet_v2, ("ssld", base, sha256), folder, said.append)


def test_a_network_begins_with_what_a_server_has_and_pulls_it_once(server: tuple[str, Path], tmp_path: Path) -> None:
    address, served = server
    values = published(served / NAME)
    network, said = PPLCNetV2(), []
    before = network.blocks[11].depthwise.branches[2][0].weight.clone()
    begin(network, address, tmp_path / "pretrained", said)
    assert all(np.array_equal(value.detach().numpy(), values[name]) for name, value in of_pplcnet_v2(network) if name in values)
    # What the file has not stays as it was.
    assert torch.equal(network.blocks[11].depthwise.branches[2][0].weight, before)
    assert said == [f"pulling {address}{NAME}", f"begins with {NAME}; 5 values that it does not have stay random"]
    (served / NAME).unlink()
    begin(PPLCNetV2(), address, tmp_path / "pretrained", said)
    assert len(said) == 3


def test_a_file_that_changed_since_it_was_first_used_is_refused(server: tuple[str, Path], tmp_path: Path) -> None:
    address, served = server
    published(served / NAME)
    begin(PPLCNetV2(), address, tmp_path / "pretrained", [])
    recorded = json.loads((tmp_path / "pretrained" / "pretrained.json").read_text())[NAME]
    assert recorded["bytes"] == (served / NAME).stat().st_size
    (tmp_path / "pretrained" / NAME).unlink()
    published(served / NAME, seed=1)
    with pytest.raises(PretrainedError, match=f"pretrained.json says {recorded['sha256']}: it was damaged or replaced"):
        begin(PPLCNetV2(), address, tmp_path / "pretrained", [])
    with pytest.raises(PretrainedError, match="but the configuration says 00ff"):
        begin(PPLCNetV2(), address, tmp_path / "elsewhere", [], sha256="00ff")


def test_weights_that_cannot_be_had_say_what_to_do_instead(server: tuple[str, Path], tmp_path: Path) -> None:
    address, served = server
    instead = "name it with `pretrained: FILE`.*not the published recipe"
    with pytest.raises(PretrainedError, match=f"{NAME} can't be had .*[Nn]ot [Ff]ound.*{instead}"):
        begin(PPLCNetV2(), address, tmp_path / "pretrained", [])
    with pytest.raises(PretrainedError, match="can't be had"):
        begin(PPLCNetV2(), "http://127.0.0.1:1/", tmp_path / "pretrained", [])
    with pytest.raises(PretrainedError, match="can't be had"):
        begin(PPLCNetV2(), "no address", tmp_path / "pretrained", [])
    published(served / NAME)
    (served / "cut").touch()
    with pytest.raises(PretrainedError, match="can't be had .*1000 of [0-9]+ bytes came"):
        begin(PPLCNetV2(), address, tmp_path / "pretrained", [])
    assert not list((tmp_path / "pretrained").iterdir())


class Harm:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1/0",)


def test_a_file_that_would_run_something_or_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pdparams"
    path.write_bytes(pickle.dumps({"conv1.weight": Harm()}))
    with pytest.raises(PretrainedError, match="it names builtins.eval, which is no array"):
        read_pdparams(path)
    for wrong in (b"", b"no pickle", pickle.dumps([1, 2])):
        path.write_bytes(wrong)
        with pytest.raises(PretrainedError, match="no .pdparams file of named arrays"):
            read_pdparams(path)


def test_weights_of_another_network_are_refused_and_a_file_of_ones_own_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "weights.pdparams"
    path.write_bytes(pickle.dumps({"conv1.weight": np.zeros((3, 3), np.float32)}))
    assert pretrained_file("pplcnet_v2", str(path), "", "", tmp_path, print) == path
    with pytest.raises(PretrainedError, match="lacks [0-9]+ of the network's [0-9]+ values: it is of another network"):
        begin_with(read_pdparams(path), of_pplcnet_v2(PPLCNetV2()), path)
    with pytest.raises(PretrainedError, match="there is no file .*gone.pdparams"):
        pretrained_file("pplcnet_v2", str(tmp_path / "gone.pdparams"), "", "", tmp_path, print)
