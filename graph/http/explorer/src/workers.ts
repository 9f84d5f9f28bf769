// Where Monaco finds its workers: beside this script, wherever a proxy puts it. The page knows their names.

const names = document.getElementById("explorer")!.dataset;

Object.assign(globalThis, {
  MonacoEnvironment: {
    getWorker(_id: string, label: string) {
      const kind = `worker${label.charAt(0).toUpperCase()}${label.slice(1)}`;
      return new Worker(new URL(names[kind] ?? names.workerEditor!, import.meta.url), { type: "module" });
    },
  },
});
