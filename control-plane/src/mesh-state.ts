import { EMPTY_MODEL, type MeshModel } from "./model/mesh-model.js";

/** The model in force and whoever follows it. */
export class MeshState {
  #model: MeshModel = EMPTY_MODEL;
  #generation = 0;
  readonly #followers = new Set<(model: MeshModel, version: string) => void>();

  get model(): MeshModel {
    return this.#model;
  }

  /** Counts the models; it is the version that clients see. */
  get version(): string {
    return String(this.#generation);
  }

  /** Puts a model in force and tells every follower. */
  set(model: MeshModel): void {
    this.#model = model;
    this.#generation += 1;
    for (const follow of [...this.#followers]) follow(model, this.version);
  }

  /** Follows the models until disposed. */
  follow(onModel: (model: MeshModel, version: string) => void): Disposable {
    this.#followers.add(onModel);
    return { [Symbol.dispose]: () => void this.#followers.delete(onModel) };
  }
}
