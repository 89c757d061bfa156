"""Makes embedder.json, detector.json and tiny.pdparams: values that PaddleClas' and PaddleDetection's own code gives.

Run, with git checkouts of PaddleClas at d178931 and PaddleDetection at 666f597, in a Python of its own:
    pip install paddlepaddle==3.2.2 opencv-python-headless pillow scipy easydict pyyaml tqdm scikit-learn requests pycocotools shapely \
        terminaltables typeguard prettytable colorlog gast six setuptools
    python make_golden.py --clas PaddleClas --det PaddleDetection
Nothing of that code is kept here; what goes in comes from inputs.py, which the tests read, too.
"""

import argparse
import json
from pathlib import Path

import paddle

import reference

HERE = Path(__file__).parent


def rounded(value: object) -> object:
    """Seven significant digits, everything a plain number."""
    if isinstance(value, dict):
        return {str(k): rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    if hasattr(value, "tolist"):
        return rounded(value.tolist())
    return float(f"{value:.7g}") if isinstance(value, float) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clas", type=Path, required=True)
    parser.add_argument("--det", type=Path, required=True)
    options = parser.parse_args()
    reference.reach(options.clas.resolve(), options.det.resolve())
    paddle.set_device("cpu")
    import of_detector
    import of_embedder

    made = f"PaddleClas d178931, PaddleDetection 666f597, paddle {paddle.__version__}"
    for name, part in (("embedder", of_embedder), ("detector", of_detector)):
        golden = {"made": made, **{key: rounded(make()) for key, make in part.PARTS.items()}}
        text = ",\n".join(f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in golden.items())
        (HERE / f"{name}.json").write_text(f"{{\n{text}\n}}\n")
    paddle.seed(1)
    layer = paddle.nn.Sequential(paddle.nn.Conv2D(2, 3, 1), paddle.nn.BatchNorm2D(3))
    paddle.save(layer.state_dict(), str(HERE / "tiny.pdparams"))


if __name__ == "__main__":
    main()
