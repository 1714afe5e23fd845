{
  "targets": [
    {
      "target_name": "nearest",
      "sources": ["native/nearest.c", "native/distance.c"],
      "cflags": ["-O2", "-Wall", "-Wextra", "-std=c11"]
    }
  ]
}
