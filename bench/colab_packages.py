"""Writes src/xorkit/guest/colab_packages.txt: what Colab can import, by a pip freeze of its image.

    python bench/colab_packages.py pip-freeze.txt …

github.com/googlecolab/backend-info keeps the freeze of today's image; several are taken together.
In Colab itself `!pip freeze > pip-freeze.txt` gives the same.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src" / "xorkit" / "guest" / "colab_packages.txt"
HEAD = """\
# What Colab can import, and the package on PyPI that it comes from.
# Made on {today} by `python bench/colab_packages.py {files}` from googlecolab/backend-info.
"""
# Where the name that is imported is not the package's own with underscores.
IMPORTS = {
    "absl-py": "absl", "atpublic": "public", "attrs": "attr attrs", "beautifulsoup4": "bs4",
    "black": "black blackd", "cudf-cu12": "cudf", "cuml-cu12": "cuml", "cupy-cuda12x": "cupy",
    "cython": "Cython cython", "dask-expr": "dask_expr", "dm-tree": "tree",
    "dopamine-rl": "dopamine", "earthengine-api": "ee", "en-core-web-sm": "en_core_web_sm",
    "et-xmlfile": "et_xmlfile", "faiss-cpu": "faiss", "ffmpy": "ffmpy", "firebase-admin":
    "firebase_admin", "fonttools": "fontTools", "gdal": "osgeo", "gin-config": "gin",
    "gitpython": "git", "google": "googlesearch", "google-adk": "google.adk",
    "google-ai-generativelanguage": "google.ai", "google-api-core": "google.api_core",
    "google-api-python-client": "googleapiclient apiclient", "google-auth": "google.auth",
    "google-auth-httplib2": "google_auth_httplib2", "google-auth-oauthlib": "google_auth_oauthlib",
    "google-cloud-aiplatform": "vertexai", "google-cloud-core": "google.cloud",
    "google-colab": "google google.colab", "google-genai": "google.genai",
    "google-generativeai": "google.generativeai", "google-pasta": "pasta",
    "google-resumable-media": "google.resumable_media", "googleapis-common-protos": "google.api",
    "googledrivedownloader": "google_drive_downloader", "grpcio": "grpc", "grpcio-status":
    "grpc_status", "gspread-dataframe": "gspread_dataframe", "gym-notices": "gym_notices",
    "ibis-framework": "ibis", "imageio-ffmpeg": "imageio_ffmpeg", "imbalanced-learn": "imblearn",
    "ipython": "IPython", "ipython-sql": "sql", "jupyterlab-pygments": "jupyterlab_pygments",
    "keras-hub": "keras_hub keras_nlp", "markdown-it-py": "markdown_it", "minikanren": "kanren",
    "ml-dtypes": "ml_dtypes", "more-itertools": "more_itertools", "mypy-extensions":
    "mypy_extensions", "opencv-contrib-python": "cv2", "opencv-python": "cv2",
    "opencv-python-headless": "cv2", "opt-einsum": "opt_einsum", "orbax-checkpoint": "orbax",
    "pandas-gbq": "pandas_gbq", "pillow": "PIL", "pip": "pip", "progressbar2": "progressbar",
    "protobuf": "google.protobuf", "psycopg2": "psycopg2", "py-cpuinfo": "cpuinfo",
    "pycryptodomex": "Cryptodome", "pydrive": "pydrive", "pydrive2": "pydrive2",
    "pygobject": "gi", "pyjwt": "jwt", "pyopengl": "OpenGL", "pyopenssl": "OpenSSL",
    "pyshp": "shapefile", "pysocks": "socks", "python-apt": "apt", "python-box": "box",
    "python-dateutil": "dateutil", "python-dotenv": "dotenv", "python-louvain": "community",
    "python-multipart": "multipart", "python-slugify": "slugify", "python-snappy": "snappy",
    "python-utils": "python_utils", "pywavelets": "pywt", "pyyaml": "yaml", "pyzmq": "zmq",
    "rpds-py": "rpds", "scikit-image": "skimage", "scikit-learn": "sklearn",
    "secretstorage": "secretstorage", "send2trash": "send2trash", "sentry-sdk": "sentry_sdk",
    "setuptools": "setuptools pkg_resources", "simple-parsing": "simple_parsing",
    "sklearn-pandas": "sklearn_pandas", "smart-open": "smart_open", "stumpy": "stumpy",
    "tensorflow-datasets": "tensorflow_datasets", "tensorflow-hub": "tensorflow_hub",
    "tensorflow-probability": "tensorflow_probability", "text-unidecode": "text_unidecode",
    "tf-keras": "tf_keras", "tf-slim": "tf_slim", "tinycss2": "tinycss2", "typing-extensions":
    "typing_extensions", "umap-learn": "umap", "vega-datasets": "vega_datasets",
    "websocket-client": "websocket", "werkzeug": "werkzeug", "ydf": "ydf",
}  # fmt: skip
LINE = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:==|@|$)")


def imports(freeze: str) -> Iterator[tuple[str, str]]:
    """The names that a freeze's packages are imported by, each with its package."""
    for line in freeze.splitlines():
        if found := LINE.match(line):
            package = found[1].lower().replace("_", "-")
            if package.startswith(("nvidia-", "types-", "jupyterlab-")):
                continue  # libraries and notes for other programs: nothing to import
            plain = package.replace("-", "_").replace(".", "_")
            for name in IMPORTS.get(package, plain).split():
                yield name, package


def main(paths: list[Path]) -> None:
    found: dict[str, str] = {}
    for path in paths:
        for name, package in imports(path.read_text("utf-8")):
            found.setdefault(name, package)
    names = " ".join(path.name for path in paths)
    lines = (f"{name} {package}\n" for name, package in sorted(found.items()))
    TARGET.write_text(HEAD.format(today=date.today(), files=names) + "".join(lines), "utf-8")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
